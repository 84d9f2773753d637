package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestOddRepliesAreUsed: what a refresh gives is the account's if nav says so,
// whatever else its reply claims.
func TestOddRepliesAreUsed(t *testing.T) {
	for name, change := range map[string]func(lines []string) []string{
		"another DedeUserID": func(lines []string) []string { return replaced(lines, "DedeUserID=100200300", "DedeUserID=7") },
		"no DedeUserID":      func(lines []string) []string { return without(lines, "DedeUserID=") },
		"another domain":     func(lines []string) []string { return replaced(lines, "bilibili.com", "example.org") },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				old := h.sessdata()
				h.site.Refresh.Alter(func(_ map[string]any, lines []string) []string { return change(lines) })
				h.site.Refresh.SetDue(mid, true)
				time.Sleep(8*time.Hour + time.Minute)
				if r := h.is(); r.Generation != 2 || r.Base != lifecycle.BaseValid || !r.Refreshable || r.Confirm != nil {
					t.Errorf("after the refresh: %+v", r)
				}
				if h.sessdata() == old || !h.site.Alive(h.sessdata()) || h.cookie("DedeUserID") != "100200300" {
					t.Error("the new pair is not in use, or not under the proven number")
				}
				if n := h.site.Refresh.Rotations(mid); n != 1 {
					t.Errorf("the site rotated %d times", n)
				}
			})
		})
	}
}

// TestTheSpare: a reply that is no whole pair is kept, over a restart too. It saves a
// login once the old pair is dead, where the site says that it lives.
func TestTheSpare(t *testing.T) {
	for name, c := range map[string]struct {
		kill  bool // the spare is dead too
		away  int  // how often the site does not say
		valid bool
	}{
		"lives":              {valid: true},
		"is dead too":        {kill: true},
		"is not spoken of":   {away: 2, valid: true},
		"is dead afterwards": {away: 2, kill: true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				old := h.sessdata()
				h.site.Refresh.Alter(func(data map[string]any, lines []string) []string {
					delete(data, "refresh_token")
					return lines
				})
				h.site.Refresh.SetDue(mid, true)
				time.Sleep(8*time.Hour + time.Minute)
				if r := h.is(); r.Generation != 1 || r.Base != lifecycle.BaseValid || h.sessdata() != old {
					t.Fatalf("the old pair should go on being served: %+v", r)
				}
				h.restart()
				h.site.KillSession(old)
				if c.kill {
					h.site.Kill(mid)
				}
				if c.away > 0 {
					// The old session's denial is let through, the word on the spare is not.
					h.site.SpareFirst(passporttest.PathNav, 1)
					h.site.SetTroubleFor(passporttest.PathNav, passporttest.HTTP502, c.away)
				}
				time.Sleep(8*time.Hour + 20*time.Minute)
				if !c.valid {
					if r := h.is(); r.Base != lifecycle.BaseDead {
						t.Errorf("%+v", r)
					}
					h.wantEvents(client.EventLoginRequired, 1)
					return
				}
				if r := h.is(); r.Generation != 2 || r.Base != lifecycle.BaseValid || r.Refreshable || h.sessdata() == old || !h.site.Alive(h.sessdata()) {
					t.Errorf("the spare should be served: %+v", r)
				}
				h.wantEvents(client.EventLoginRequired, 0)
			})
		})
	}
}

func replaced(lines []string, from, to string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, strings.ReplaceAll(line, from, to))
	}
	return out
}

func without(lines []string, prefix string) []string {
	var out []string
	for _, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			out = append(out, line)
		}
	}
	return out
}
