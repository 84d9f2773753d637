package daemon

import (
	"strings"
	"testing"
)

func TestTrustedProxies(t *testing.T) {
	c, err := parse([]byte(`trusted_proxies = ["10.0.0.2", "172.16.0.0/12", "fd00::/8"]`), "f")
	if err != nil || len(c.TrustedProxies) != 3 {
		t.Fatalf("%v, %v", c.TrustedProxies, err)
	}
	_, err = parse([]byte(`
trusted_proxies = [
  "127.0.0.1",
  "proxy.example.net",
  "10.0.0.1/8",
]
`), "f")
	const want = `f:4:3: trusted_proxies[1]: "proxy.example.net" is no address and no network; write an address or a network, "10.0.0.2" or "10.0.0.0/8"
f:5:3: trusted_proxies[2]: "10.0.0.1/8" is an address within a network; write "10.0.0.0/8" for the network, or "10.0.0.1" for the address alone`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What can be reached from elsewhere in the clear is told of.
func TestPageWarnings(t *testing.T) {
	tests := []struct{ file, want string }{
		{"[page]\nlisten = \"0.0.0.0:7331\"\npublic_url = \"http://keeper.example.net\"\n", "in the clear"},
		{"[page]\nlisten = \":7331\"\npublic_url = \"http://192.168.1.2:7331\"\n", "in the clear"},
		{"[page]\nlisten = \"0.0.0.0:7331\"\n", "in the clear"},
		{"[page]\nlisten = \"0.0.0.0:7331\"\npublic_url = \"https://keeper.example.net\"\n", ""},
		{"[page]\nlisten = \"127.0.0.1:7331\"\npublic_url = \"http://127.0.0.1:7331\"\n", ""},
		{"trusted_proxies = [\"0.0.0.0/0\"]\n", "everybody"},
	}
	for _, tt := range tests {
		c, err := parse([]byte(tt.file), "f")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.Warnings(Checks()), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q", tt.file, got)
		}
	}
}
