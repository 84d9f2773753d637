//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// grant is a login that somebody has elsewhere.
type grant struct {
	passporttest.Pair
	cookies map[string]string
}

func (s *stage) grant(who int64) grant {
	s.t.Helper()
	g := grant{cookies: setCookies(s.site.Grant(who))}
	pairs := s.site.Refresh.Pairs(who)
	g.Pair = pairs[len(pairs)-1]
	return g
}

func (g grant) header(more ...string) string {
	return strings.Join(append([]string{
		"SESSDATA=" + g.SESSDATA, "bili_jct=" + g.cookies["bili_jct"],
		"DedeUserID=" + g.cookies["DedeUserID"], "sid=" + g.cookies["sid"],
	}, more...), "; ")
}

// netscape is a cookies.txt as browsers' extensions write it.
func (g grant) netscape(more ...string) string {
	end := time.Now().AddDate(0, 6, 0).Unix()
	lines := []string{
		"# Netscape HTTP Cookie File", "",
		fmt.Sprintf("#HttpOnly_.bilibili.com\tTRUE\t/\tTRUE\t%d\tSESSDATA\t%s", end, g.SESSDATA),
		fmt.Sprintf(".bilibili.com\tTRUE\t/\tFALSE\t%d\tbili_jct\t%s", end, g.cookies["bili_jct"]),
		fmt.Sprintf(".bilibili.com\tTRUE\t/\tFALSE\t%d\tDedeUserID\t%s", end, g.cookies["DedeUserID"]),
	}
	for _, one := range more {
		name, value, _ := strings.Cut(one, "=")
		lines = append(lines, fmt.Sprintf(".bilibili.com\tTRUE\t/\tFALSE\t%d\t%s\t%s", end, name, value))
	}
	return strings.Join(lines, "\n") + "\n"
}

// biliup is that tool's file: an app's login, whose token is no web one.
func (g grant) biliup(t testing.TB) string {
	list := []map[string]any{}
	for _, name := range []string{"SESSDATA", "bili_jct", "DedeUserID"} {
		list = append(list, map[string]any{"name": name, "value": g.cookies[name], "http_only": 0, "expires": time.Now().AddDate(0, 6, 0).Unix(), "secure": 0})
	}
	text, err := json.Marshal(map[string]any{
		"cookie_info": map[string]any{"cookies": list, "domains": []string{".bilibili.com"}},
		"token_info":  map[string]any{"access_token": "0123456789abcdef", "refresh_token": "fedcba9876543210", "mid": mid, "expires_in": 15552000},
		"platform":    "BiliTV", "sso": []string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// importing is a file that is taken over, and what comes of it.
type importing struct {
	name, format string
	text         func(g grant) string
	refreshable  bool
	notes        []string
}

func imports(t testing.TB) []importing {
	return []importing{
		{"header", "header", func(g grant) string { return g.header("ac_time_value=" + g.RefreshToken) }, true,
			[]string{"the refresh token lay among the cookies", "a browser or another tool"}},
		{"commas", "header", func(g grant) string { return strings.ReplaceAll(g.header(), "%2C", ",") }, false,
			[]string{"plain commas", "cannot be refreshed"}},
		{"ticket", "header", func(g grant) string {
			return g.header("bili_ticket=sample", "ac_time_value="+g.RefreshToken)
		}, true, []string{"bili_ticket was left out"}},
		{"netscape", "netscape", func(g grant) string { return g.netscape() }, false, []string{"cannot be refreshed"}},
		{"netscape-token", "netscape", func(g grant) string { return g.netscape("ac_time_value=" + g.RefreshToken) }, true,
			[]string{"the refresh token lay among the cookies"}},
		{"biliup", "biliup", func(g grant) string { return g.biliup(t) }, false, []string{"is no web refresh token"}},
		{"bilibili-api", "bilibili-api", func(g grant) string {
			return fmt.Sprintf(`{"sessdata":%q,"bili_jct":%q,"dedeuserid":%q,"ac_time_value":%q}`,
				g.SESSDATA, g.cookies["bili_jct"], g.cookies["DedeUserID"], g.RefreshToken)
		}, true, nil},
	}
}

// TestImport takes logins over from files as other tools write them, and
// refreshes those that can be.
func TestImport(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.start()
	for _, tt := range imports(t) {
		t.Run(tt.name, func(t *testing.T) { s.tryImport(t, tt, tt.text) })
	}
	// What the keeper itself wrote comes back: the whole, token and all.
	for _, format := range []string{"json", "bilibili-api"} {
		t.Run("written as "+format, func(t *testing.T) {
			text := s.wantCode(0, "get", "header", "--format", format, "--with-refresh-token").stdout
			s.wantCode(0, "forget", "header")
			r := s.importText("header", text)
			if r.code != 0 || !strings.Contains(r.stderr, "read as "+format) || !strings.Contains(r.stderr, "It can be refreshed.") {
				t.Errorf("exit code %d, %s", r.code, r.stderr)
			}
			s.wantCode(0, "refresh", "header", "--force")
		})
	}
	t.Run("refused", s.refusedImports)
	s.stop()
	s.verifyVault()
	if r := s.importText("late", s.grant(mid).header()); r.code != 3 {
		t.Errorf("without a keeper: exit code %d, %s", r.code, r.stderr)
	}
}

// importText lets the command read a file.
func (s *stage) importText(name, text string) result {
	s.t.Helper()
	path := filepath.Join(s.dir, "login.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.cli("import", path, "--account", name)
}

func (s *stage) tryImport(t *testing.T, tt importing, text func(grant) string) {
	g := s.grant(mid)
	r := s.importText(tt.name, text(g))
	if r.code != 0 || !strings.Contains(r.stderr, "read as "+tt.format) || !strings.Contains(r.stderr, "is example (mid 100200300)") {
		t.Fatalf("exit code %d, %s", r.code, r.stderr)
	}
	if strings.Contains(r.stderr, "It can be refreshed.") != tt.refreshable {
		t.Errorf("refreshable is not said to be %v: %s", tt.refreshable, r.stderr)
	}
	for _, note := range tt.notes {
		if !strings.Contains(r.stderr, note) {
			t.Errorf("there is no note of %q: %s", note, r.stderr)
		}
	}
	if strings.Contains(r.stdout+r.stderr, g.SESSDATA) || strings.Contains(r.stdout+r.stderr, g.RefreshToken) {
		t.Error("a secret was printed")
	}
	have := cookies(s.wantCode(0, "get", tt.name).stdout)
	if have["SESSDATA"] != g.SESSDATA || have["bili_ticket"] != "" || have["ac_time_value"] != "" {
		t.Error("the cookies are not, byte for byte, what the site set, and no more")
	}
	if !tt.refreshable {
		s.wantCode(5, "refresh", tt.name, "--force")
		return
	}
	s.wantCode(0, "refresh", tt.name, "--force")
	fresh := cookies(s.wantCode(0, "get", tt.name).stdout)["SESSDATA"]
	if fresh == g.SESSDATA || s.site.Alive(g.SESSDATA) || !s.site.Alive(fresh) {
		t.Error("it was not refreshed")
	}
}

// refusedImports change nothing and leave no account behind.
func (s *stage) refusedImports(t *testing.T) {
	refused := func(want int, name, text, says string) {
		t.Helper()
		r := s.importText(name, text)
		if r.code != want || !strings.Contains(r.stderr, says) {
			t.Errorf("exit code %d, want %d: %s", r.code, want, r.stderr)
		}
	}
	dead := s.grant(mid)
	s.site.KillSession(dead.SESSDATA)
	refused(5, "dead", dead.header(), "dead")
	other, before := s.grant(stranger), s.wantCode(0, "get", "header").stdout
	refused(2, "header", other.header(), "400500600")
	if s.wantCode(0, "get", "header").stdout != before || !s.site.Alive(other.SESSDATA) {
		t.Error("another person's login changed something")
	}
	refused(2, "mixed", strings.Replace(s.grant(mid).header(), "DedeUserID=100200300", "DedeUserID=400500600", 1), "two accounts")
	refused(2, "nothing", "not a login", "")
	g := s.grant(mid)
	s.site.SetTrouble(passporttest.Any, passporttest.HTTP500)
	refused(6, "away", g.header(), "could not be asked")
	s.site.SetTrouble(passporttest.Any, passporttest.None)
	for _, name := range []string{"dead", "mixed", "nothing", "away"} {
		s.wantCode(4, "status", name)
	}
	if r := s.importText("away", g.header()); r.code != 0 {
		t.Errorf("when the site is back: exit code %d, %s", r.code, r.stderr)
	}
}

// TestLogout ends sessions at the site: living ones, dead ones, and while the
// site is away.
func TestLogout(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.start()
	pair := s.takeOver("alive", mid)
	s.site.SetTrouble(passporttest.PathLogout, passporttest.HTTP500)
	r := s.wantCode(6, "logout", "alive")
	if !strings.Contains(r.stderr, "nothing was changed") || !s.site.Alive(pair.SESSDATA) {
		t.Errorf("while the site is away: %s", r.stderr)
	}
	if a, err := s.client.Account(t.Context(), "alive"); err != nil || a.State != client.StateValid {
		t.Errorf("while the site is away: %+v, %v", a, err)
	}
	s.site.SetTrouble(passporttest.PathLogout, passporttest.None)
	r = s.wantCode(0, "logout", "alive")
	if !strings.Contains(r.stderr, "is logged out at the site") || s.site.Alive(pair.SESSDATA) {
		t.Errorf("of a living session: %s", r.stderr)
	}
	s.wantCode(4, "status", "alive")
	s.wantCode(4, "logout", "alive")

	pair = s.takeOver("dead", mid)
	s.site.KillSession(pair.SESSDATA)
	r = s.wantCode(0, "logout", "dead")
	if !strings.Contains(r.stderr, "had ended before") {
		t.Errorf("of a dead session: %s", r.stderr)
	}
	s.wantCode(4, "status", "dead")
	s.stop()
	s.verifyVault()
}
