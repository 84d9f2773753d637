package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// What callers of the keeper are told when something cannot be done.

// NoAccount tells that there is no account of that name.
// near is one that may have been meant, "" if there is none.
func NoAccount(name, near string) error {
	p := &client.Problem{Type: client.ProblemNoAccount, Title: "there is no such account",
		Detail: fmt.Sprintf("there is no account %q", name),
		Hint:   "bilikeeper status lists the accounts; bilikeeper login " + name + " adds this one"}
	if near != "" {
		p.Hint = "did you mean " + near + "? " + p.Hint
	}
	return p
}

// NeedsLogin tells that only a login helps, and why.
func NeedsLogin(name, why string) error {
	return &client.Problem{Type: client.ProblemNeedsLogin, Title: "the account needs a login",
		Detail: fmt.Sprintf("account %s needs a login: %s", name, why),
		Hint:   "run: bilikeeper login " + name}
}

// SiteAway tells that the site could not be asked, and until when it is left alone.
func SiteAway(v lifecycle.Verdict, until time.Time) error {
	p := &client.Problem{Type: client.ProblemSiteAway, Title: "the site is blocking or unreachable",
		Detail: "the site could not be asked: " + v.Detail, Hint: "nothing is lost; try again later"}
	if until.After(time.Now()) {
		p.Hint = "nothing is lost; try again after " + clock(until)
	}
	return p
}

// GrantedAway tells that a login was granted and saved, and that the site, which
// has to say whose it is, could not be asked.
func GrantedAway(r *store.Brief) error {
	return &client.Problem{Type: client.ProblemSiteAway, Title: "the site is blocking or unreachable",
		Detail: fmt.Sprintf("account %s: %s", r.Name, GrantedSentence(r.Login)),
		Hint:   "nobody has to scan again; bilikeeper check --force " + r.Name + " asks at once"}
}

// GrantedSentence says what a login that the site has granted waits for.
func GrantedSentence(l *lifecycle.Login) string {
	text := "a login was granted and is saved; the site has yet to say whose it is"
	if l.Detail != "" {
		text += ", and could not be asked (" + l.Detail + "); it is asked again at " + clock(l.RetryAt)
	}
	return text
}

// clock is a time as people are told it, with its zone.
func clock(t time.Time) string { return t.Local().Format("15:04:05 MST") }

// BadRequest tells what cannot be carried out.
func BadRequest(format string, args ...any) error {
	return &client.Problem{Type: client.ProblemBadRequest, Title: "the request cannot be carried out", Detail: fmt.Sprintf(format, args...)}
}

// OtherSite tells that an account is one of the other of the two sites.
func OtherSite(r *store.Brief) error {
	return BadRequest("account %s belongs to the site %q; accounts of the two sites are not interchangeable", r.Name, r.Site)
}

// BadAccountName tells what an account may be called.
func BadAccountName(name string) error {
	return BadRequest("%q cannot be an account's name: letters and digits of any script, dot, dash and underscore, at most 64; no dash in front, no dot at either end, none of Windows' devices", name)
}

// Stopping tells that the keeper takes no more work.
func Stopping() error {
	return &client.Problem{Type: client.ProblemBusy, Title: "the keeper is stopping", Hint: "try again when it runs"}
}

// ownFault tells of a mistake of the program's own, which is neither the site's nor
// the disk's.
func ownFault(detail string) error {
	return &client.Problem{Type: client.ProblemInternal, Title: "the keeper failed", Detail: detail, Hint: "the keeper's log says more"}
}

// unreadable tells of a record whose secrets this program cannot read.
func unreadable(name string, err error) error {
	return ownFault(fmt.Sprintf("the record of account %s cannot be read: %v", name, err))
}

// StorageProblem tells a caller that the vault could not be written. Other
// problems pass as they are.
func StorageProblem(err error) error {
	var p *client.Problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	problem := &client.Problem{Type: client.ProblemStorage, Title: "the vault could not be written", Detail: err.Error(),
		Hint: "nothing was changed; the keeper's log says more"}
	if errors.Is(err, vault.ErrNoSpace) {
		problem.Hint = "make room on the disk; nothing was changed"
	}
	return problem
}

// NoLogin tells that there is no login of that id any more.
func NoLogin(id string) error {
	return &client.Problem{Type: client.ProblemNoLogin, Title: "there is no such login", Detail: "there is no login " + id,
		Hint: "a later login of the account took its place"}
}
