package dialguard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
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
		{"169.254.169.254:80", false, ErrForbidden},
		{"169.254.0.1:443", true, ErrForbidden},
		{"[::ffff:169.254.169.254]:443", false, ErrForbidden},
		{"[fe80::1%eth0]:443", false, ErrForbidden},
		{"[febf::1]:443", false, ErrForbidden},
		{"[fd00:ec2::254]:443", false, ErrForbidden},
		{"100.100.100.200:443", false, ErrForbidden},
		{"192.0.0.192:443", false, ErrForbidden},
		{"224.0.0.1:443", false, ErrForbidden},
		{"nonsense", false, ErrForbidden},
		{"", true, ErrForbidden},
		{"192.168.1.2:443", false, nil},
		{"[fd00::1]:443", false, nil},
		{"127.0.0.1:80", true, nil},
		{"[::1]:80", true, nil},
		{"[::ffff:127.0.0.1]:80", true, nil},
		{"192.168.1.2:80", true, ErrRemote},
	}
	for _, tt := range tests {
		if err := Check(tt.address, tt.local); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.address, err, tt.want)
		}
	}
	for _, beside := range []string{"169.253.255.255", "fec0::1", "100.100.100.201"} {
		if Forbidden(netip.MustParseAddr(beside)) {
			t.Errorf("%s is refused, and lies beside the ranges", beside)
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := Dialer(nil).DialContext(ctx, "tcp4", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := Dialer(nil).DialContext(ctx, "tcp", "169.254.169.254:80"); !errors.Is(err, ErrForbidden) {
		t.Errorf("%v", err)
	}
	no := errors.New("not this one")
	if _, err := Dialer(func(string) error { return no }).DialContext(ctx, "tcp4", "localhost:"+port); !errors.Is(err, no) {
		t.Errorf("a check of one's own: %v", err)
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

// What a proxy says in its refusal does not come out.
func TestProxyThatRefuses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "canary", http.StatusForbidden)
	}))
	defer server.Close()
	proxy, err := ParseProxy(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: Transport(Dialer(nil), http.ProxyURL(proxy))}
	_, err = c.Get("https://example.invalid/")
	if !errors.Is(err, ErrProxy) || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}
