package client

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// plainStatus reads a status that is written as a keeper of this version writes it: the
// fields in their order, and no space. It reports false where anything is otherwise. The
// decoder takes five times as long for the same, as a test compares, which is what a
// person waits for who has ten thousand accounts.
func plainStatus(text string) (s Status, ok bool) {
	p := plain{rest: text}
	p.take(`{"accounts":[`)
	s.Accounts = make([]Account, 0, strings.Count(text, `{"name":`))
	for !p.odd && !p.has(`]`) {
		if len(s.Accounts) > 0 {
			p.take(`,`)
		}
		s.Accounts = append(s.Accounts, p.account())
	}
	p.take(`,"daemon":`)
	daemon, ok := strings.CutSuffix(p.rest, "}\n")
	if p.odd || !ok || json.Unmarshal([]byte(daemon), &s.Daemon) != nil {
		return Status{}, false
	}
	return s, true
}

// plain is a JSON text that is read from its beginning. What is read after something
// odd means nothing.
type plain struct {
	rest string
	odd  bool
}

func (p *plain) account() (a Account) {
	p.take(`{"name":`)
	a.Name = p.text()
	p.take(`,"site":`)
	a.Site = p.text()
	p.take(`,"state":`)
	a.State = p.text()
	p.take(`,"mid":`)
	a.Mid = orNull(p, p.number)
	p.take(`,"uname":`)
	a.Uname = p.text()
	p.take(`,"refreshable":`)
	a.Refreshable = p.yes()
	p.take(`,"pending_confirm":`)
	a.PendingConfirm = p.yes()
	p.take(`,"generation":`)
	generation := p.number()
	a.Generation, p.odd = uint64(generation), p.odd || generation < 0
	p.take(`,"expires_at":`)
	a.ExpiresAt = orNull(p, p.time)
	p.take(`,"checked_at":`)
	a.CheckedAt = orNull(p, p.time)
	p.take(`,"next_check_at":`)
	a.NextCheckAt = orNull(p, p.time)
	p.take(`,"refreshed_at":`)
	a.RefreshedAt = orNull(p, p.time)
	p.take(`,"last_check":`)
	a.LastCheck = orNull(p, p.text)
	p.take(`,"detail":`)
	a.Detail = p.text()
	p.take(`,"blocked_until":`)
	a.BlockedUntil = orNull(p, p.time)
	p.take(`,"failures":`)
	a.Failures = int(p.number())
	p.take(`,"next":`)
	a.Next = orNull(p, p.next)
	p.accountsEnd(&a)
	return a
}

// accountsEnd reads the fields of an account from the first that may be left out.
func (p *plain) accountsEnd(a *Account) {
	if p.has(`,"login_id":`) {
		a.LoginID = p.text()
	}
	if p.has(`,"attention":`) {
		a.Attention = p.text()
	}
	p.take(`,"tags":`)
	a.Tags = p.texts()
	p.take(`,"schedule":`)
	a.Schedule = p.text()
	p.take(`,"paused":`)
	a.Paused = p.yes()
	if p.has(`,"same_session":`) {
		a.SameSession = p.texts()
	}
	if p.has(`,"host":`) {
		a.Host = p.text()
	}
	p.take(`}`)
}

func (p *plain) next() (n Next) {
	p.take(`{"action":`)
	n.Action = p.text()
	p.take(`,"at":`)
	n.At = p.time()
	p.take(`}`)
	return n
}

// has takes what comes next if it is that.
func (p *plain) has(what string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, what)
	return ok
}

func (p *plain) take(what string) { p.odd = !p.has(what) || p.odd }

func (p *plain) yes() bool {
	if p.has(`true`) {
		return true
	}
	p.take(`false`)
	return false
}

func (p *plain) number() int64 {
	end := 0
	for end < len(p.rest) && (p.rest[end] == '-' || '0' <= p.rest[end] && p.rest[end] <= '9') {
		end++
	}
	digits := strings.TrimPrefix(p.rest[:end], "-")
	n, err := strconv.ParseInt(p.rest[:end], 10, 64)
	p.odd = p.odd || err != nil || len(digits) > 1 && digits[0] == '0'
	p.rest = p.rest[end:]
	return n
}

// text leaves texts with an escape to the decoder.
func (p *plain) text() (text string) {
	p.take(`"`)
	end, escaped := 0, false
	for end < len(p.rest) && p.rest[end] != '"' {
		switch c := p.rest[end]; {
		case c < ' ':
			p.odd = true
		case c == '\\':
			escaped = true
			end++
		}
		end++
	}
	if p.odd || end >= len(p.rest) {
		p.odd = true
		return ""
	}
	if text = p.rest[:end]; escaped || !utf8.ValidString(text) {
		p.odd = json.Unmarshal([]byte(`"`+text+`"`), &text) != nil
	}
	p.rest = p.rest[end+1:]
	return text
}

func (p *plain) texts() []string {
	if p.has(`null`) {
		return nil
	}
	p.take(`[`)
	list := []string{}
	for !p.odd && !p.has(`]`) {
		if len(list) > 0 {
			p.take(`,`)
		}
		list = append(list, p.text())
	}
	return list
}

func (p *plain) time() (t time.Time) {
	p.odd = t.UnmarshalText([]byte(p.text())) != nil || p.odd
	return t
}

// orNull reads a value, or null.
func orNull[T any](p *plain, read func() T) *T {
	if p.has(`null`) {
		return nil
	}
	v := read()
	return &v
}
