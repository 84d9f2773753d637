package catalog

import (
	"fmt"
	"strconv"
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
	// Promised is the time of the next code that was told before, where Next is
	// another one now.
	Promised time.Time
	// By is who scanned a code that was another account's, "" where nobody did.
	By string
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

// clock formats a local time, "" where there is none.
func clock(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(layout)
}

// zoned is clock with the zone: people read a time elsewhere than on the keeper's
// machine, whose zone is often UTC.
func zoned(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return clock(t, layout) + " (" + zone(t.Local()) + ")"
}

// zone is a time's distance from UTC as people write it: UTC, UTC+8, UTC+5:30.
// Names such as CST stand for several zones.
func zone(t time.Time) string {
	_, seconds := t.Zone()
	if seconds == 0 {
		return "UTC"
	}
	sign := "+"
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	name := "UTC" + sign + strconv.Itoa(seconds/3600)
	if minutes := seconds / 60 % 60; minutes != 0 {
		name += fmt.Sprintf(":%02d", minutes)
	}
	return name
}
