package page

import (
	"crypto/rand"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// readers are those who have started a page, wherever that was: what names one is sealed,
// and remembered by nobody.
type readers struct{ *loginPages }

// view names a reader who has started the page. It lets that reader, and nobody else who
// has the link, see how the matter ended, at whichever host.
func (p readers) view(l *link) string {
	l.started()
	return p.sealer.sealAs(viewVersion, claim{account: l.account, subject: l.subject + " " + l.followed() + " " + rand.Text(), until: l.until})
}

// knows reports whether a reader has started the page. Where that was at another host, or
// before a restart, the link follows what it followed there.
func (p readers) knows(l *link, view string) bool {
	c, err := p.sealer.openAs(viewVersion, view)
	if err != nil || c.account != l.account || !c.until.Equal(l.until) {
		return false
	}
	about := strings.Split(c.subject, " ")
	if len(about) != 3 || about[0] != l.subject {
		return false
	}
	id := about[1]
	if id != "" && l.followed() == "" {
		if login, err := p.parts.Keeper.Logins().Get(id); err == nil && login.Account == l.account {
			l.follow(login)
		} else {
			l.follow(client.Login{ID: id}) // it is over
		}
	}
	return true
}

// recall has a link follow the login in progress where its page may have been started at
// another host.
func (p readers) recall(l *link) {
	if p.parts.Keeper.Shared().Alone() || l.followed() != "" {
		return
	}
	if found, ok := p.running(l); ok {
		l.follow(found)
	}
}
