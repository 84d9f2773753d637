package keeper_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// TestOddRepliesAreUsed: what a refresh gives is the account's if nav says so,
// whatever else its reply claims.
func TestOddRepliesAreUsed(t *testing.T) {
	for name, change := range map[string]func(data map[string]any, lines []string) []string{
		"another DedeUserID": func(_ map[string]any, lines []string) []string {
			return replaced(lines, "DedeUserID=100200300", "DedeUserID=7")
		},
		"no DedeUserID": func(_ map[string]any, lines []string) []string {
			return without(lines, "DedeUserID=")
		},
		"another domain": func(_ map[string]any, lines []string) []string {
			return replaced(lines, "bilibili.com", "example.org")
		},
	} {
		t.Run(name, func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Login("main", mid)
				old := h.SESSDATA()
				h.Site.Refresh.Alter(change)
				h.Site.Refresh.SetDue(mid, true)
				time.Sleep(8*time.Hour + time.Minute)
				if a := h.Account("main"); a.Generation != 2 || a.State != client.StateValid || !a.Refreshable || a.PendingConfirm {
					t.Errorf("after the refresh: %+v", a)
				}
				if h.SESSDATA() == old || !h.Site.Alive(h.SESSDATA()) || !strings.Contains(h.Header(), "DedeUserID=100200300") {
					t.Error("the new pair is not in use, or not under the proven number")
				}
				if n := h.Site.Refresh.Rotations(mid); n != 1 {
					t.Errorf("the site rotated %d times", n)
				}
			})
		})
	}
}

// TestTheSpareIsTaken: a reply that is no whole pair is kept, over a restart
// too, and saves a login once the old pair is dead.
func TestTheSpareIsTaken(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		old := h.SESSDATA()
		h.Site.Refresh.Alter(func(data map[string]any, lines []string) []string {
			delete(data, "refresh_token")
			return lines
		})
		h.Site.Refresh.SetDue(mid, true)
		time.Sleep(8*time.Hour + time.Minute)
		if a := h.Account("main"); a.Generation != 1 || a.State != client.StateValid || h.SESSDATA() != old {
			t.Fatalf("the old pair should go on being served: %+v", a)
		}
		h.Restart()
		h.Site.KillSession(old)
		time.Sleep(8*time.Hour + 2*time.Minute)
		if a := h.Account("main"); a.Generation != 2 || a.State != client.StateValid || a.Refreshable || h.SESSDATA() == old || !h.Site.Alive(h.SESSDATA()) {
			t.Errorf("the spare should be served: %+v", a)
		}
		if n := len(h.Events(client.EventLoginRequired)); n != 0 {
			t.Errorf("%d logins were asked for", n)
		}
	})
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
