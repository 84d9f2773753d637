package input

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// tally is what was mended and left out.
type tally struct {
	utf16, spaces, unquoted, commas, twice, buvid4 bool
	ticket, tokenCookie, appToken                  bool
	sessionOver, noNumber                          bool
	foreignSession, damagedSession                 bool
	brokenCSRF, brokenToken, wide                  bool
	doubled                                        map[string]bool // names of a login only
	doubledOther                                   bool
	foreign, expired, damaged, nameless            int
	long, many                                     int
	badLines, firstBad                             int
}

func (t *tally) badLine(n int) {
	t.badLines++
	if t.firstBad == 0 {
		t.firstBad = n
	}
}

// notes turns the tally into sentences. They hold numbers and fixed words only.
func (t *tally) notes() []string {
	var out []string
	note := func(when bool, text string) {
		if when {
			out = append(out, text)
		}
	}
	note(t.utf16, "the text was UTF-16 and was read as such")
	note(t.spaces, "tabs between the fields had become spaces")
	note(t.unquoted, "double quotes around a value were taken off")
	note(t.twice, "SESSDATA was percent-encoded twice and was decoded once")
	note(t.commas, "SESSDATA had plain commas, which a Cookie header cannot hold; they are %2C again")
	note(t.buvid4, "buvid4 was percent-encoded for use in a Cookie header")
	note(t.tokenCookie, "the refresh token lay among the cookies; it is kept apart and never sent as one")
	note(t.wide, "full-width punctuation between the cookies was read as plain one")
	note(t.brokenCSRF, "bili_jct was left out: it is not the 32 hexadecimal digits that the site gives, and without it the session cannot be refreshed")
	note(t.brokenToken, "the refresh token was left out: it is not the 32 hexadecimal digits that the site gives, so the session cannot be refreshed")
	note(t.ticket, "bili_ticket was left out: kept with a session, it is known to end it within days")
	note(len(t.doubled) > 0 || t.doubledOther, t.doubledNote())
	note(t.sessionOver, "SESSDATA should have ended by its own expiry; the site decides")
	note(t.noNumber, "DedeUserID is not an account's number; only the site can say whose login this is")
	note(t.foreign > 0, count(t.foreign, "cookie of another site was", "cookies of other sites were")+" left out")
	note(t.many > 0, count(t.many, "cookie beyond the first 64 was", "cookies beyond the first 64 were")+" left out")
	note(t.long > 0, count(t.long, "cookie longer than 4 KiB was", "cookies longer than 4 KiB were")+" left out")
	note(t.expired > 0, count(t.expired, "cookie that had expired was", "cookies that had expired were")+" left out")
	note(t.damaged > 0, count(t.damaged, "cookie was", "cookies were")+" left out, with characters in it that no cookie can hold")
	note(t.nameless > 0, count(t.nameless, "part without a name was", "parts without a name were")+" left out; if the text was wrapped, give it as one line")
	note(t.badLines > 0, count(t.badLines, "line that is no cookie was", "lines that are no cookies were")+
		" left out, the first is line "+strconv.Itoa(t.firstBad))
	note(t.appToken, "this login is the app's: its refresh token is no web refresh token, so the session cannot be refreshed here")
	return out
}

func (t *tally) doubledNote() string {
	names := slices.Sorted(maps.Keys(t.doubled))
	if t.doubledOther {
		names = append(names, "other cookies")
	}
	return strings.Join(names, ", ") + " came more than once with different values; the longest-lived was taken, the last of equals"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
