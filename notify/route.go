package notify

import (
	"slices"
	"strings"
)

// The types of messages that have a meaning here. Names are on the wire.
const (
	typeCode      = "login.code"
	typeSucceeded = "login.succeeded"
	typeFailed    = "login.failed"
	// aboutLogins begins the types that tell of a session or a login.
	aboutLogins = "login."
	// aboutChannels begins the types that tell how the channels themselves do.
	aboutChannels = "notify."
)

// Any stands for every event or every account in a Route.
const Any = "*"

// Route says which messages a channel wants: those whose type and account are
// both listed. An empty list wants nothing.
type Route struct{ Events, Accounts []string }

// Wants reports whether a message is for the channel. What tells of channels
// themselves is for none, not even by name: each delivery would make the next
// message, and a service that is down would be sent the news that it is down.
func (r Route) Wants(m Message) bool {
	return !strings.HasPrefix(m.Type, aboutChannels) && has(r.Events, m.Type) && has(r.Accounts, m.Account)
}

func has(list []string, word string) bool {
	return slices.Contains(list, Any) || slices.Contains(list, word)
}

// superseded reports whether a later message takes the place of m. It looks at
// all messages, not only at those that the channel wants: a login that has
// ended makes its code useless to a channel that asked for codes alone, too.
func superseded(m Message, later []Message) bool {
	if m.Type != typeCode && !m.Passing {
		return false
	}
	return slices.ContainsFunc(later, func(l Message) bool {
		if l.Account != m.Account {
			return false
		}
		return m.Type == typeCode && (l.Type == typeCode || ends(l)) ||
			m.Passing && l.Thread == m.Thread && strings.HasPrefix(l.Type, aboutLogins)
	})
}

// ends reports whether a message tells the end of a login, after which none of
// its codes works.
func ends(m Message) bool { return m.Type == typeSucceeded || m.Type == typeFailed }
