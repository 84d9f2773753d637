package doctor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
)

func TestJudgeWays(t *testing.T) {
	dead := errors.New("no connection")
	judge(t, []row{
		{"one that listens", func(f *Facts) { f.Ways = []Way{{Host: "127.0.0.1:3128", Accounts: []string{"main"}}} }, "accounts.proxy", OK, "the way of main", ""},
		{"a dead one", func(f *Facts) {
			f.Ways = []Way{{Host: "127.0.0.1:3128", Accounts: []string{"main", "side"}, Err: dead}}
		}, "accounts.proxy", Wrong, "no connection), and everything of main, side", "start the proxy"},
		{"none in the file", func(f *Facts) {
			f.Ways = []Way{{Accounts: []string{"main"}, Err: errors.New("the file holds none")}}
		}, "accounts.proxy", Wrong, "the file holds none", "proxy_file"},
	}, healthy)
}

// The silence of accounts that go by a proxy is not the site's.
func TestSilenceBehindAProxy(t *testing.T) {
	f := healthy()
	for i := range f.Keeper.Status.Accounts {
		a := &f.Keeper.Status.Accounts[i]
		a.LastCheck = word(client.CheckUnreachable)
		f.Ways = append(f.Ways, Way{Host: "127.0.0.1:3128", Accounts: []string{a.Name}, Err: errors.New("no connection")})
	}
	for _, finding := range f.Judge().Findings {
		if finding.Check == "accounts.site" {
			t.Errorf("%+v", finding)
		}
	}
}

func TestLookAtWays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := porttest.Address(t)
	file := filepath.Join(t.TempDir(), "proxy")
	if err := os.WriteFile(file, []byte("socks5://canary:canary@"+closed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Facts{Configuration: Configuration{Value: &config.Config{Accounts: []config.Account{
		{Name: "main", Proxy: "http://canary@" + l.Addr().String()}, {Name: "twin", Proxy: "http://" + l.Addr().String()},
		{Name: "side", ProxyFile: file}, {Name: "none"}, {Name: "lost", ProxyFile: file + ".gone"},
	}}}}
	lookAtWays(&f, t.Context())
	var got []string
	for _, p := range f.Ways {
		text := strings.Join(p.Accounts, "+")
		if p.Err != nil {
			text += ": " + p.Err.Error()
		}
		got = append(got, text)
	}
	all := strings.Join(got, "\n")
	if !strings.HasPrefix(all, "main+twin\nside: no connection\nlost: proxy_file: does not exist") || strings.Contains(all, "canary") {
		t.Errorf("got\n%s", all)
	}
}
