package clientaddr

import (
	"errors"
	"net/http"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

func TestClient(t *testing.T) {
	usual := []string{"127.0.0.0/8", "::1"}
	tests := []struct {
		name, peer string
		forwarded  []string
		trusted    []string
		want       string
	}{
		{"direct", "203.0.113.5:1", nil, usual, "203.0.113.5"},
		{"a stranger that says it is another", "203.0.113.5:1", []string{"198.51.100.7"}, usual, "203.0.113.5"},
		{"one proxy", "127.0.0.1:1", []string{"198.51.100.7"}, usual, "198.51.100.7"},
		{"what the client made up", "127.0.0.1:1", []string{"10.9.9.9, 198.51.100.7"}, usual, "198.51.100.7"},
		{"two proxies, one trusted", "127.0.0.1:1", []string{"198.51.100.7, 10.0.0.2"}, usual, "10.0.0.2"},
		{"two trusted proxies", "127.0.0.1:1", []string{"1.1.1.1, 198.51.100.7, 10.0.0.2"}, append(usual, "10.0.0.0/8"), "198.51.100.7"},
		{"two headers", "127.0.0.1:1", []string{"1.1.1.1", "198.51.100.7"}, usual, "198.51.100.7"},
		{"all trusted", "127.0.0.1:1", []string{"127.0.0.2, 127.0.0.3"}, usual, "127.0.0.2"},
		{"nonsense", "127.0.0.1:1", []string{"nonsense"}, usual, "127.0.0.1"},
		{"nonsense left of a proxy", "127.0.0.1:1", []string{"nonsense, 127.0.0.9"}, usual, "127.0.0.9"},
		{"empty", "127.0.0.1:1", []string{""}, usual, "127.0.0.1"},
		{"with ports", "127.0.0.1:1", []string{"198.51.100.7:5678"}, usual, "198.51.100.7"},
		{"IPv6 with a port", "[::1]:1", []string{"[2001:db8::4]:5678"}, usual, "2001:db8::4"},
		{"IPv6 in brackets", "[::1]:1", []string{"[2001:db8::4]"}, usual, "2001:db8::4"},
		{"mapped", "[::ffff:127.0.0.1]:1", []string{"::ffff:198.51.100.7"}, usual, "198.51.100.7"},
		{"a zone", "[fe80::1%eth0]:1", nil, usual, "fe80::1"},
		{"nobody trusted", "127.0.0.1:1", []string{"198.51.100.7"}, nil, "127.0.0.1"},
		{"no address", "pipe", []string{"198.51.100.7"}, usual, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
			if got := p.Client(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{"203.0.113.5:1": "203.0.113.5/32", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "pipe": "invalid Prefix"} {
		if got := Network(Proxies{}.Client(&http.Request{RemoteAddr: in})).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, good := range []string{"10.0.0.2", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0"} {
		if _, err := Parse(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "proxy", "10.0.0.1/8", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1:80", "::ffff:10.0.0.0/104"} {
		_, err := Parse(bad)
		if f, ok := errors.AsType[*setting.Fault](err); !ok || f.Hint == "" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
