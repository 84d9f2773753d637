package alert

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify"
)

const (
	// few is how many accounts can have news at the same time before people want
	// them as a list.
	few = 3
	// moreWithin is how long one account's news waits for that of others.
	moreWithin = 30 * time.Second
)

// group writes one message for several of one group.
func (m messages) group(list []notify.Message) notify.Message {
	var all catalog.Data
	one := notify.Message{
		ID: list[0].ID, Type: list[0].Type, Time: list[0].Time, Group: list[0].Group, Position: list[0].Position,
		NeedsLogin: list[0].NeedsLogin, For: list[0].For,
	}
	for _, each := range list {
		d, err := m.again(each)
		if err != nil {
			// The account is gone or the vault is. The name alone is still true.
			d = catalog.Data{Type: each.Type, Account: each.Account, Who: each.Account}
		}
		if len(all.Accounts) == 0 {
			all = d
		}
		all.Accounts = append(all.Accounts, d)
		one.Members = append(one.Members, notify.Member{
			Account: each.Account, Site: each.Site, Mid: each.Mid, Uname: each.Uname, PageURL: d.Link,
		})
	}
	one.Title, one.Text = m.keeper.Settings().Catalog.Write(all)
	return one
}

// gather is how news of several accounts is gathered. Those of a few come at
// once, each for itself. Deaths that are found one after another, at the pace of
// the checks, come as a list now and then; so do the ends of many logins, for
// which nobody waits long.
func (m messages) gather(e client.Event, data incident) notify.Gather {
	long := m.keeper.Settings().Login.Gather.Std()
	switch {
	case e.Type == client.EventLoginRequired, e.Type == client.EventAccountAttention && data.reason != client.AttentionPostponed:
		return notify.Gather{After: few, Least: few, For: long}
	case m.openIncidents(e.Account) >= few:
		return notify.Gather{After: 1, Least: few, For: min(long, time.Minute)}
	}
	return notify.Gather{After: few, Least: few}
}

// openIncidents is how many accounts beside one want a login.
func (m messages) openIncidents(beside string) (n int) {
	for _, r := range m.keeper.Records() {
		if r.Name != beside && r.Incident != nil {
			n++
		}
	}
	return n
}

// holdUntil is until when more of the same is likely: other accounts whose
// sessions were denied once, or whose codes are about to end. Where none is
// in sight nothing waits.
func (m messages) holdUntil(e client.Event, data incident) time.Time {
	end := e.Time.Add(moreWithin)
	if data.reason == client.AttentionPostponed && m.openIncidents(e.Account) >= few && time.Now().Before(end) {
		return end // those that wait for one another are put off together
	}
	if e.Type != client.EventLoginRequired && e.Type != client.EventLoginFailed || !time.Now().Before(end) {
		return time.Time{}
	}
	for _, r := range m.keeper.Records() {
		if r.Name == e.Account {
			continue
		}
		if e.Type == client.EventLoginRequired && r.Doubted() && r.AskAgainAt.Before(end) {
			return end
		}
		l := r.Login
		if e.Type == client.EventLoginFailed && loginqueue.Holds(l) && l.CodeExpires.Before(end) {
			return end
		}
	}
	return time.Time{}
}
