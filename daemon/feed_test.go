package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// told is what a reader of the messages gets who may log in, or may not.
func (h *house) told(after uint64, limit int, mayLogin bool) client.MessageList {
	h.t.Helper()
	list, err := feed{messages{h.keeper}}.Messages(h.t.Context(), after, limit, func(string) bool { return mayLogin })
	if err != nil {
		h.t.Fatal(err)
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

func TestFeed(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.serve()
		if list := h.told(0, 64, true); len(list.Messages) != 0 || list.Upto != h.keeper.Newest() || list.Journal == "" || list.QuietUntil != nil {
			t.Errorf("a keeper with nothing to tell: %+v", list)
		}
		h.login("main", mid)
		h.kill()

		list := h.told(0, 64, true)
		if got := typesOf(list); !slices.Equal(got, []string{client.EventLoginSucceeded, client.EventLoginRequired, client.EventLoginCode}) {
			t.Fatalf("messages %v", got)
		}
		code := list.Messages[2]
		if l := code.Login; l == nil || l.URL != h.code() || len(l.QRPNG) == 0 || l.PageURL == "" || !l.ExpiresAt.After(time.Now()) {
			t.Errorf("the code is %v", l)
		}
		if code.Mid == nil || *code.Mid != mid || code.Uname != "example" || code.Site != "web" || code.Title == "" || code.Thread == "" ||
			code.Thread != list.Messages[1].Thread || !strings.Contains(code.Text, code.Login.PageURL) {
			t.Errorf("the message is %+v", code)
		}
		if list.Upto != h.keeper.Newest() {
			t.Errorf("up to %d of %d", list.Upto, h.keeper.Newest())
		}

		// Who may not log in is told the same without the ways to do it.
		for _, m := range h.told(0, 64, false).Messages {
			if m.Login != nil || strings.Contains(m.Text, "://") || m.Title == "" || m.Text == "" {
				t.Errorf("for everybody: %+v", m)
			}
		}

		if list := h.told(code.Position-1, 1, true); len(list.Messages) != 1 || list.Upto != code.Position || list.Messages[0].ID != code.ID {
			t.Errorf("one by one: %+v", list)
		}
		if list := h.told(1<<60, 64, true); len(list.Messages) != 0 || list.Upto != h.keeper.Newest() {
			t.Errorf("beyond the end: %+v", list)
		}

		if err := h.site.Scan(code.Login.URL, mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if list := h.told(code.Position-1, 64, true); len(list.Messages) != 0 || list.Upto != h.keeper.Newest() {
			t.Errorf("a code that was scanned is given out: %v", typesOf(list))
		}
	})
}

func TestFeedTellsQuietHours(t *testing.T) {
	inHouse(t, func(c *config.Config) {
		if err := c.Login.QuietHours.UnmarshalText([]byte("00:00-23:59")); err != nil {
			t.Fatal(err)
		}
	}, func(h *house) {
		if list := h.told(0, 64, true); list.QuietUntil == nil || !list.QuietUntil.After(time.Now()) {
			t.Errorf("quiet until %v", list.QuietUntil)
		}
	})
}
