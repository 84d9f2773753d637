package clientaddr

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Proxies are the networks whose X-Forwarded-For is believed. The zero value
// believes nobody.
type Proxies struct{ networks []netip.Prefix }

// New reads networks, as the configuration has them.
func New(entries []string) (Proxies, error) {
	var p Proxies
	for _, entry := range entries {
		network, err := Parse(entry)
		if err != nil {
			return Proxies{}, err
		}
		p.networks = append(p.networks, network)
	}
	return p, nil
}

// Parse reads an address or a network. The error is a [*setting.Fault].
func Parse(entry string) (netip.Prefix, error) {
	const hint = `write an address or a network, "10.0.0.2" or "10.0.0.0/8"`
	if address, err := netip.ParseAddr(entry); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(entry)
	switch {
	case err != nil:
		return netip.Prefix{}, &setting.Fault{What: fmt.Sprintf("%q is no address and no network", setting.Clip(entry)), Hint: hint}
	case network.Addr().Is4In6():
		return netip.Prefix{}, &setting.Fault{What: fmt.Sprintf("%q is a network of IPv4 in the form of IPv6", entry), Hint: hint}
	case network != network.Masked():
		return netip.Prefix{}, &setting.Fault{What: fmt.Sprintf("%q is an address within a network", entry),
			Hint: fmt.Sprintf("write %q for the network, or %q for the address alone", network.Masked(), network.Addr())}
	}
	return network, nil
}

func (p Proxies) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(p.networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// Client is who sent a request: the peer, or where that is a proxy the right-most
// address of X-Forwarded-For that is none. Each proxy adds the one that it saw at
// the right, so that what stands further left may be made up. The result is not
// valid where the peer has no address.
func (p Proxies) Client(r *http.Request) netip.Addr {
	client := parsePeer(r.RemoteAddr)
	if !client.IsValid() {
		return client
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0 && p.trusts(client); i-- {
		next := parsePeer(strings.TrimSpace(said[i]))
		if !next.IsValid() {
			break
		}
		client = next
	}
	return client
}

// parsePeer reads an address with or without a port: some proxies write one.
func parsePeer(text string) netip.Addr {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone("")
}

// Network is whom an address is counted for: itself, or of IPv6 the /64, which is
// what one subscriber gets.
func Network(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}
