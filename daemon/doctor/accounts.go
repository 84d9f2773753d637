package doctor

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// From when on something is worth a finding.
const (
	day = 24 * time.Hour
	// soon is when a session's end is near. The keeper reminds people from then on.
	soon = 14 * day
	// tooLong is for what usually takes minutes or hours.
	tooLong = day
	// late is for work that is done within a minute of its time.
	late = time.Hour
)

func judgeAccounts(f *Facts, n *notes) {
	if !f.answered() {
		n.skip("accounts.state", f.say("accounts"), f.untold("how they do"), "")
		return
	}
	accounts := f.Keeper.Status.Accounts
	if len(accounts) == 0 {
		n.warn("accounts.state", f.say("accounts"), f.say("the keeper has none yet"), f.command("login", "main"))
		return
	}
	judgeSite(f, n, accounts)
	for _, a := range accounts {
		before := len(*n)
		judgeAccount(f, n, a)
		if len(*n) == before {
			n.ok("accounts.state", a.Name, well(f, a))
		}
	}
	judgeTwins(f, n, accounts)
}

// well describes an account of which there is nothing to say.
func well(f *Facts, a client.Account) string {
	text := f.say("%s, checked %s", a.State, f.ago(*a.CheckedAt))
	if a.ExpiresAt != nil {
		text += f.say(", ends %s", f.in(*a.ExpiresAt))
	}
	if a.Paused {
		text += f.say(", paused")
	}
	if !a.Refreshable {
		text += f.say(", and cannot be refreshed: a login is needed then")
	}
	return text
}

func judgeAccount(f *Facts, n *notes, a client.Account) {
	login := f.command("login", a.Name)
	switch a.State {
	case client.StateNew:
		n.warn("accounts.state", a.Name, f.say("it has never been logged in"), login)
		return
	case client.StateNeedsLogin:
		n.wrong("accounts.state", a.Name, f.say("the site said twice that its session is dead")+nextAttempt(f, a), login)
	case client.StateLoggingIn:
		if granted(a) {
			n.warn("accounts.state", a.Name, f.told(a.Attention), f.command("check", a.Name, "--force"))
			return
		}
		n.warn("accounts.state", a.Name, f.say("a login is under way and waits for somebody to scan the code"), login)
	case client.StateValid:
		judgeValid(f, n, a)
	default:
		n.skip("accounts.state", a.Name, f.say("this program does not know the state %q; the keeper is newer", a.State), "")
	}
	if a.Attention != "" {
		n.warn("accounts.attention", a.Name, f.told(a.Attention), login)
	}
}

// granted reports whether a login of the account waits for nobody but the site.
func granted(a client.Account) bool {
	return a.Next != nil && (a.Next.Action == "login_verify" || a.Next.Action == "login_collect")
}

func nextAttempt(f *Facts, a client.Account) string {
	if a.Next == nil {
		return ""
	}
	return f.say("; the keeper makes the next code %s", f.in(a.Next.At))
}

func judgeValid(f *Facts, n *notes, a client.Account) {
	judgeCheck(f, n, a)
	judgeEnd(f, n, a)
	if a.PendingConfirm && a.RefreshedAt != nil && f.Now.Sub(*a.RefreshedAt) > tooLong {
		n.warn("accounts.confirm", a.Name, f.say("it was refreshed %s, and the site has not accepted yet that the credential before is no longer used: both work until then; the keeper tries again by itself", f.ago(*a.RefreshedAt)),
			f.command("refresh", a.Name)+f.say(" # begins with telling the site"))
	}
}

func judgeCheck(f *Facts, n *notes, a client.Account) {
	const check = "accounts.check"
	last := ""
	if a.LastCheck != nil {
		last = *a.LastCheck
	}
	switch {
	case last == client.CheckDead:
		n.warn(check, a.Name, f.say("the site denied its session once (%v); it is asked a second time before that is believed", errors.New(a.Detail)), f.command("check", a.Name))
	case last == client.CheckBlocked || last == client.CheckUnreachable:
		judgeAway(f, n, a, last)
	case a.CheckedAt == nil:
		n.warn(check, a.Name, f.say("the site was never asked about it"), f.command("check", a.Name))
	case a.NextCheckAt != nil && f.Now.Sub(*a.NextCheckAt) > late && a.BlockedUntil == nil:
		n.warn(check, a.Name, f.say("its check was due %s and was not made: the keeper hangs, or the machine has just woken up", f.ago(*a.NextCheckAt)), f.restart())
	}
}

// judgeAway is about an account of which the site says nothing.
func judgeAway(f *Facts, n *notes, a client.Account, last string) {
	words := map[string]string{
		client.CheckBlocked:     f.say("the site blocks the question"),
		client.CheckUnreachable: f.say("the site could not be reached"),
	}
	detail := words[last]
	if a.Detail != "" {
		detail += f.say(" (%v)", errors.New(a.Detail))
	}
	long := false
	if a.CheckedAt != nil {
		detail += f.say(", the last answer came %s", f.ago(*a.CheckedAt))
		long = f.Now.Sub(*a.CheckedAt) > tooLong
	}
	mend := f.command("check", a.Name, "--force")
	if a.BlockedUntil != nil {
		detail += f.say("; it is left alone, and asked again %s", f.in(*a.BlockedUntil))
		mend += f.say(" # once, now; otherwise wait")
	}
	detail += f.say("; nothing is lost")
	if long {
		n.wrong("accounts.check", a.Name, detail, mend)
		return
	}
	n.warn("accounts.check", a.Name, detail, mend)
}

func judgeEnd(f *Facts, n *notes, a client.Account) {
	const check = "accounts.end"
	if a.ExpiresAt == nil || a.ExpiresAt.Sub(f.Now) > soon {
		return
	}
	left := a.ExpiresAt.Sub(f.Now)
	switch {
	case left <= 0:
		n.wrong(check, a.Name, f.say("its session ended %s by its own date", f.ago(*a.ExpiresAt)), f.command("login", a.Name))
	case !a.Refreshable:
		n.warn(check, a.Name, f.say("its session ends %s and cannot be refreshed", f.in(*a.ExpiresAt)), f.command("login", a.Name))
	default:
		n.warn(check, a.Name, f.say("its session ends %s, and should have been refreshed long before", f.in(*a.ExpiresAt)), f.command("refresh", a.Name))
	}
}

// judgeSite tells a site that is away from an account that has trouble: it is
// away where no account of it has an answer that asks by this machine's own way.
func judgeSite(f *Facts, n *notes, accounts []client.Account) {
	answered, silent := map[string]int{}, map[string]int{}
	for _, a := range accounts {
		switch {
		case a.LastCheck == nil, f.proxied(a.Name):
		case *a.LastCheck == client.CheckBlocked || *a.LastCheck == client.CheckUnreachable:
			silent[a.Site]++
		default:
			answered[a.Site]++
		}
	}
	for _, site := range slices.Sorted(maps.Keys(silent)) {
		if answered[site] == 0 && silent[site] > 1 {
			n.warn("accounts.site", f.say("site %s", site), f.say("none of its %d accounts got an answer: the site is down or blocks this machine, or this machine has no way to it", silent[site]),
				f.say("look at the network, the proxy and the name server of this machine; otherwise wait, nothing is lost"))
		}
	}
}

// judgeTwins finds accounts that are the same user of the same site. It does harm
// where they hold one session.
func judgeTwins(f *Facts, n *notes, accounts []client.Account) {
	type user struct {
		site string
		mid  int64
	}
	names := map[user][]string{}
	for _, a := range accounts {
		if a.Mid != nil {
			u := user{a.Site, *a.Mid}
			names[u] = append(names[u], a.Name)
		}
	}
	const check = "accounts.same"
	for _, a := range accounts {
		if same := a.SameSession; len(same) > 0 && a.Name < slices.Min(same) {
			n.wrong(check, strings.Join(append([]string{a.Name}, same...), ", "), f.say("they hold one and the same session: a refresh of one ends the other's"),
				f.command("login", slices.Max(same))+f.say(" # gives it a session of its own"))
			continue
		}
		if a.Mid == nil || len(a.SameSession) > 0 {
			continue
		}
		if twins := names[user{a.Site, *a.Mid}]; len(twins) > 1 && twins[0] == a.Name {
			n.warn(check, strings.Join(twins, ", "), f.say("they are the same user (mid %d), each with a session of its own: one name is enough, unless two are meant", *a.Mid),
				f.command("forget", twins[len(twins)-1])+f.say(" # where nothing reads it"))
		}
	}
}
