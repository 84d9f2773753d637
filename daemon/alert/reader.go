package alert

import (
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Reader is the messages as others read them over the control socket.
type Reader struct{ messages }

// NewReader returns the messages of a keeper.
func NewReader(k *keeper.Keeper) Reader { return Reader{messages{k}} }

// Read returns the messages after an event, as a caller may see them: where mayLogin
// says no, without what lets people log in.
func (f Reader) Read(ctx context.Context, after uint64, limit int, mayLogin func(account string) bool) (client.MessageList, error) {
	k := f.keeper
	list := client.MessageList{
		Messages: []client.Message{}, Journal: k.Store().Vault().Info().ID,
		QuietUntil: account.Known(k.Settings().Login.QuietHours.Until(time.Now())),
	}
	// A reader that begins at 0 is no channel that missed something.
	kept := max(k.Store().Oldest(), 1) - 1
	found, upto, err := f.Pending(ctx, min(max(after, kept), k.Store().Newest()), limit)
	if err != nil {
		return list, account.StorageProblem(err)
	}
	list.Upto = upto
	for _, m := range found {
		if m.For != "" {
			continue // it is for somebody in that channel's chat
		}
		if !mayLogin(m.Account) {
			var ok bool
			if m, ok = f.harmless(m); !ok {
				continue
			}
		}
		list.Messages = append(list.Messages, onWire(m))
	}
	return list, nil
}

// harmless is a message without what lets people log in. It is worded anew:
// the text may hold the login page's address, anywhere in it where a person
// wrote it. It reports false where the account is gone by now.
func (f Reader) harmless(m notify.Message) (notify.Message, bool) {
	d, err := f.again(m)
	if err != nil {
		return m, false
	}
	d.Link, m.PageURL, m.Login = "", "", nil
	m.Title, m.Text = f.keeper.Settings().Catalog.Write(d)
	return m, true
}

func onWire(m notify.Message) client.Message {
	w := client.Message{
		ID: m.ID, Type: m.Type, Time: m.Time.UTC(), Account: m.Account, Site: m.Site, Uname: m.Uname,
		Title: m.Title, Text: m.Text, Thread: m.Thread, Position: m.Position,
		Group: m.Group, HoldUntil: account.Known(m.HoldUntil), Passing: m.Passing, Silent: m.Silent,
	}
	if m.Mid != 0 {
		w.Mid = &m.Mid
	}
	if l := m.Login; l != nil {
		w.Login = &client.MessageLogin{ID: l.ID, URL: l.URL.Reveal(), AppURL: l.AppURL.Reveal(), QRPNG: append([]byte{}, l.PNG...), PageURL: l.PageURL, ExpiresAt: l.ExpiresAt.UTC()}
	}
	return w
}
