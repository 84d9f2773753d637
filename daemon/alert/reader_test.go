package alert

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/store"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// told is what a reader of the messages gets who may log in, or may not.
func told(h *keepertest.Fixture, after uint64, limit int, mayLogin bool) client.MessageList {
	h.T.Helper()
	list, err := NewReader(h.Keeper).Read(h.T.Context(), after, limit, func(string) bool { return mayLogin })
	if err != nil {
		h.T.Fatal(err)
	}
	return list
}

func typesOf(list client.MessageList) []string {
	var all []string
	for _, m := range list.Messages {
		all = append(all, m.Type)
	}
	return all
}

func TestReader(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.ServePage()
		if list := told(h, 0, 64, true); len(list.Messages) != 0 || list.Upto != h.Keeper.Store().Newest() || list.Journal == "" || list.QuietUntil != nil {
			t.Errorf("a keeper with nothing to tell: %+v", list)
		}
		h.Login("main", keepertest.Mid)
		h.Kill()

		list := told(h, 0, 64, true)
		if got := typesOf(list); !slices.Equal(got, []string{client.EventLoginSucceeded, client.EventLoginRequired, client.EventLoginCode}) {
			t.Fatalf("messages %v", got)
		}
		code := list.Messages[2]
		if l := code.Login; l == nil || l.URL != h.Code() || len(l.QRPNG) == 0 || l.PageURL == "" || !l.ExpiresAt.After(time.Now()) {
			t.Errorf("the code is %v", l)
		}
		if code.Mid == nil || *code.Mid != keepertest.Mid || code.Uname != "example" || code.Site != "web" || code.Title == "" || code.Thread == "" ||
			code.Thread != list.Messages[1].Thread || !strings.Contains(code.Text, code.Login.PageURL) {
			t.Errorf("the message is %+v", code)
		}
		if list.Upto != h.Keeper.Store().Newest() {
			t.Errorf("up to %d of %d", list.Upto, h.Keeper.Store().Newest())
		}

		// Who may not log in is told the same without the ways to do it.
		for _, m := range told(h, 0, 64, false).Messages {
			if m.Login != nil || strings.Contains(m.Text, "://") || m.Title == "" || m.Text == "" {
				t.Errorf("for everybody: %+v", m)
			}
		}

		if list := told(h, code.Position-1, 1, true); len(list.Messages) != 1 || list.Upto != code.Position || list.Messages[0].ID != code.ID {
			t.Errorf("one by one: %+v", list)
		}
		if list := told(h, 1<<60, 64, true); len(list.Messages) != 0 || list.Upto != h.Keeper.Store().Newest() {
			t.Errorf("beyond the end: %+v", list)
		}

		if err := h.Site.QR.Scan(code.Login.URL, keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if list := told(h, code.Position-1, 64, true); len(list.Messages) != 0 || list.Upto != h.Keeper.Store().Newest() {
			t.Errorf("a code that was scanned is given out: %v", typesOf(list))
		}
	})
}

func TestReaderTellsQuietHours(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		if err := c.Login.QuietHours.UnmarshalText([]byte("00:00-23:59")); err != nil {
			t.Fatal(err)
		}
	}, func(h *keepertest.Fixture) {
		if list := told(h, 0, 64, true); list.QuietUntil == nil || !list.QuietUntil.After(time.Now()) {
			t.Errorf("quiet until %v", list.QuietUntil)
		}
	})
}

// TestCodeIsToldFromTheVault: what the keeper shows may be a moment
// behind the journal. A channel that looks in that moment must not take a living
// code for a dead one, or nobody is ever sent it; so it looks into the vault.
func TestCodeIsToldFromTheVault(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		h.Kill()
		h.WantState(client.StateLoggingIn)
		// A code that only the vault knows.
		r, err := h.Keeper.Store().Record("main")
		if err != nil {
			t.Fatal(err)
		}
		login := *r.Login
		login.Code++
		r.Login = &login
		if err := h.Keeper.Store().Save(r, store.Of("main", client.LoginCode{Code: login.Code, LoginRef: client.LoginRef{Login: login.ID}}), nil); err != nil {
			t.Fatal(err)
		}
		told, _, err := messages{h.Keeper}.Pending(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if last := told[len(told)-1]; last.Type != client.EventLoginCode || last.Login == nil {
			t.Errorf("the last message is %s", last.Type)
		}
	})
}
