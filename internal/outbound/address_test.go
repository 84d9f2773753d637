package outbound

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		address string
		local   bool
		want    error
	}{
		{"169.254.169.254:80", false, ErrForbiddenAddress},
		{"169.254.0.1:443", true, ErrForbiddenAddress},
		{"[::ffff:169.254.169.254]:443", false, ErrForbiddenAddress},
		{"[fe80::1%eth0]:443", false, ErrForbiddenAddress},
		{"[febf::1]:443", false, ErrForbiddenAddress},
		{"[fd00:ec2::254]:443", false, ErrForbiddenAddress},
		{"100.100.100.200:443", false, ErrForbiddenAddress},
		{"192.0.0.192:443", false, ErrForbiddenAddress},
		{"224.0.0.1:443", false, ErrForbiddenAddress},
		{"nonsense", false, ErrForbiddenAddress},
		{"", true, ErrForbiddenAddress},
		{"192.168.1.2:443", false, nil},
		{"[fd00::1]:443", false, nil},
		{"127.0.0.1:80", true, nil},
		{"[::1]:80", true, nil},
		{"[::ffff:127.0.0.1]:80", true, nil},
		{"192.168.1.2:80", true, ErrPlainHTTP},
	}
	for _, tt := range tests {
		if err := Check(tt.address, tt.local); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.address, err, tt.want)
		}
	}
	for host, want := range map[string]bool{
		"169.254.169.254": true, "fe80::1%eth0": true, "::ffff:100.100.100.200": true,
		"169.253.255.255": false, "fec0::1": false, "100.100.100.201": false, "example.net": false, "": false,
	} {
		if Forbidden(host) != want {
			t.Errorf("%q is refused: %v", host, !want)
		}
	}
}

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.5": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.net": false, "192.168.1.2": false, "example.net": false,
	} {
		if Local(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

// The address is looked at when it is dialled, not when it is named.
func TestDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := Dialer(true).DialContext(ctx, "tcp4", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for address, want := range map[string]error{"169.254.169.254:80": ErrForbiddenAddress, "192.0.2.1:80": ErrPlainHTTP} {
		if _, err := Dialer(true).DialContext(ctx, "tcp", address); !errors.Is(err, want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for _, raw := range []string{"http://proxy:3128", "https://u:p@proxy", "socks5://proxy:1080", "socks5h://u:p@127.0.0.1:1080\n"} {
		if u, err := ParseProxy(raw); err != nil || u == nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for _, raw := range []string{"proxy:3128", "ftp://canary@proxy", "http://", "http://canary@[::1", "\n"} {
		if _, err := ParseProxy(raw); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if u, err := ParseProxy(""); u != nil || err != nil {
		t.Errorf("none: %v, %v", u, err)
	}
}
