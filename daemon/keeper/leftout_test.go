package keeper_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestLeftOut: what a login brought and was not kept is said in its answer.
func TestLeftOut(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		lines := []string{
			"track=1; Path=/; Domain=ads.example.com", "own=1; Path=/; Domain=bilibili.com",
			"long=" + strings.Repeat("x", 5000) + "; Path=/; Domain=bilibili.com",
		}
		for i := range 62 {
			lines = append(lines, fmt.Sprintf("c%d=1; Path=/; Domain=bilibili.com", i))
		}
		h.Site.QR.Beside(lines...)
		l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
		if err != nil || l.Notes != nil {
			t.Fatalf("%+v, %v", l, err)
		}
		h.Scan(l.URL, mid)
		time.Sleep(10 * time.Second)
		h.WantState(client.StateValid)
		if l, err = h.Keeper.Logins().Get(l.ID); err != nil || !slices.Equal(l.Notes, []string{
			"1 cookie of another domain than the site's was left out",
			"4 cookies beyond the first 64 were left out",
			"1 cookie longer than 4 KiB was left out",
		}) {
			t.Errorf("%q, %v", l.Notes, err)
		}
		if header := h.Header(); !strings.Contains(header, "own=1") || strings.Contains(header, "track") || strings.Contains(header, "long=") {
			t.Errorf("%s", header)
		}
	})
}

// TestIntlCheckRenews: the cookies that the international site gives with a check
// are kept and handed out, and where they cannot be proven at once they wait beside
// those in use.
func TestIntlCheckRenews(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.StartIntl()
				before := sessionOf(t, h, "tv")
				h.Site.Intl.Renew(1)
				if away {
					h.Site.SetTroubleFor(passporttest.PathIntlUser, passporttest.HTTP502, 1)
					h.Site.SpareFirst(passporttest.PathIntlUser, 1)
				}
				if _, err := h.Keeper.Accounts().Check(context.Background(), "tv", true); err != nil {
					t.Fatal(err)
				}
				after := sessionOf(t, h, "tv")
				a := h.Account("tv")
				if a.State != client.StateValid || a.PendingConfirm || (after == before) != (a.Generation == 1) {
					t.Errorf("%+v", a)
				}
				if away != (after == before) {
					t.Errorf("the cookies in use are the old ones: %v", after == before)
				}
				h.Restart()
				h.Site.KillSession(before)
				time.Sleep(9 * time.Hour)
				if a := h.Account("tv"); a.State != client.StateValid || a.Generation != 2 || sessionOf(t, h, "tv") == before || a.PendingConfirm {
					t.Errorf("once the old cookies are dead: %+v", a)
				}
			})
		})
	}
}

func sessionOf(t *testing.T, h *keepertest.Fixture, name string) string {
	t.Helper()
	c, err := h.Keeper.Credentials().Get(name, true)
	if err != nil {
		t.Fatal(err)
	}
	return c.Value("SESSDATA")
}
