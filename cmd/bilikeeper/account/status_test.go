package account

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // the printers show local times
	os.Exit(m.Run())
}

var fixedNow = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := fixedNow.Add(d)
	return &t
}

func word(s string) *string { return &s }

func someAccounts() []client.Account {
	mid := int64(100200300)
	return []client.Account{
		{Name: "main", Site: "web", State: client.StateValid, Mid: &mid, Uname: "example", Refreshable: true, Generation: 3,
			PendingConfirm: true, RefreshedAt: at(-30 * 24 * time.Hour),
			ExpiresAt: at(150 * 24 * time.Hour), CheckedAt: at(-2 * time.Hour), LastCheck: word(client.CheckOK),
			Next: &client.Next{Action: "check", At: *at(6 * time.Hour)}},
		{Name: "doubted", Site: "web", State: client.StateValid, Mid: &mid, Uname: "valid", Generation: 1,
			CheckedAt: at(-20 * time.Second), LastCheck: word(client.CheckDead), Detail: "cookie/info: code -101 (not logged in)",
			Next: &client.Next{Action: "confirm_death", At: *at(40 * time.Second)}},
		{Name: "dead", Site: "web", State: client.StateNeedsLogin, Mid: &mid, Uname: "例子", Generation: 1,
			CheckedAt: at(-50 * time.Minute), LastCheck: word(client.CheckDead), Detail: "nav: code -101 (not logged in)",
			Next: &client.Next{Action: "login_code", At: *at(10 * time.Minute)}},
		{Name: "coming", Site: "web", State: client.StateLoggingIn, Mid: &mid, Uname: "example", Generation: 1,
			CheckedAt: at(-time.Minute), LastCheck: word(client.CheckDead), Next: &client.Next{Action: "login_poll", At: fixedNow}},
		{Name: "blocked", Site: "web", State: client.StateValid, Mid: &mid, Uname: "example", Generation: 1, Failures: 2,
			CheckedAt: at(-time.Minute), LastCheck: word(client.CheckBlocked), Detail: "cookie/info: HTTP 412",
			BlockedUntil: at(29 * time.Minute), Next: &client.Next{Action: "check", At: *at(29 * time.Minute)}},
		{Name: "warned", Site: "web", State: client.StateNeedsLogin, Mid: &mid, Uname: "example", Generation: 1,
			CheckedAt: at(-time.Hour), LastCheck: word(client.CheckDead), Attention: "the site says that this session belongs to another account; log in again"},
		{Name: "new", Site: "web", State: client.StateNew, LastCheck: word(client.CheckBlocked)},
	}
}

func TestStatusTable(t *testing.T) {
	plain := cli.Screen{}
	golden.Equal(t, "status.golden", statusTable(someAccounts(), plain, fixedNow))
	var each strings.Builder
	for _, acc := range someAccounts() {
		fmt.Fprintln(&each, accountTable(acc, plain, fixedNow))
	}
	golden.Equal(t, "account.golden", each.String())
}

// TestStatusInChinese: characters that take two columns stand below their heads,
// on a screen of any width.
func TestStatusInChinese(t *testing.T) {
	var each strings.Builder
	for _, width := range []int{0, 80, 40} {
		screen := cli.Screen{Language: cli.Chinese, Width: width}
		fmt.Fprintln(&each, statusTable(someAccounts(), screen, fixedNow))
	}
	golden.Equal(t, "status-chinese.golden", each.String())
	each.Reset()
	for _, acc := range someAccounts() {
		fmt.Fprintln(&each, accountTable(acc, cli.Screen{Language: cli.Chinese}, fixedNow))
	}
	golden.Equal(t, "account-chinese.golden", each.String())
}

// TestStatusOfHosts: where several hosts share the accounts each line says whose it is,
// and the hosts follow.
func TestStatusOfHosts(t *testing.T) {
	accounts := someAccounts()
	for i := range accounts[:4] {
		accounts[i].Host = []string{"tokyo", "berlin"}[i%2]
	}
	hosts := []client.Host{
		{Name: "berlin", Version: "1.0", Since: fixedNow.Add(-26 * time.Hour), LagMS: 40, Accounts: 2, Sender: true},
		{Name: "tokyo", Version: "1.0", Since: fixedNow.Add(-time.Hour), LagMS: 12340, Accounts: 2, Self: true},
	}
	var all strings.Builder
	for _, screen := range []cli.Screen{{}, {Width: 60}, {Language: cli.Chinese}} {
		fmt.Fprintln(&all, statusTable(accounts, screen, fixedNow)+hostTable(hosts, screen, fixedNow))
	}
	fmt.Fprint(&all, accountTable(accounts[0], cli.Screen{}, fixedNow))
	golden.Equal(t, "status-hosts.golden", all.String())
}

// Colours paint the state and nothing that happens to be called like it.
func TestStatusColours(t *testing.T) {
	table := statusTable(someAccounts(), cli.Screen{Colour: true}, fixedNow)
	for _, want := range []string{
		"doubted  \x1b[32mvalid\x1b[0m        valid ",
		"dead     \x1b[31mneeds_login\x1b[0m  例子     dead",
		"coming   \x1b[33mlogging_in\x1b[0m   example",
		"new      new ",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
}

func TestWorse(t *testing.T) {
	away, dead := cli.Exit(cli.ExitSiteAway, ""), cli.Exit(cli.ExitNeedsLogin, "")
	for _, tt := range []struct{ a, b, want *cli.Failure }{
		{nil, nil, nil}, {nil, away, away}, {dead, nil, dead}, {away, dead, dead}, {dead, away, dead},
	} {
		if got := worse(tt.a, tt.b); got != tt.want {
			t.Errorf("worse(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
