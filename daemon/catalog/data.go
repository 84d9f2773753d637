package catalog

import (
	"time"
)

// Data is what there is to tell. Templates in the configuration see its fields
// by these names, so they stay as they are.
type Data struct {
	// Type is the event's type, "login.code" for example.
	Type string
	// Account is the account's name here, Uname its name at the site, and Who
	// the better one of them.
	Account, Who, Uname string
	Site                string
	Mid                 int64
	// Reason is why a login failed or what wants attention, as one word; Detail
	// is a sentence about it, in English.
	Reason, Detail string
	// Until is when the code ends, Next when the next one comes, and Ends when
	// the session does. They are local times; zero where there is none.
	Until, Next, Ends time.Time
	// Days are those that are left until Ends.
	Days int
	// Link is the login page's address, "" where none is served.
	Link string
	// Channel is the notification channel that a message tells of.
	Channel string
	// Auto is true where codes follow by themselves.
	Auto bool
	// Early is true where a login is wanted though the session still works.
	Early bool
	// Revived is true where the site takes a dead session again, First where the
	// account had none before.
	Revived, First bool
	// Accounts are those that a message for several tells of, in their order;
	// then Account is the first of them. Empty in all other messages.
	Accounts []Data
}

// clock formats a time for people, "" where there is none.
func clock(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(layout)
}
