package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/schedule"
)

// faults collects the problems of a configuration.
type faults struct {
	places   places
	problems []Problem
}

func (f *faults) add(key, what, hint string) {
	at := f.places.at(key)
	f.problems = append(f.problems, Problem{Line: at.line, Column: at.column, Key: key, What: what, Hint: hint})
}

// sorted returns the problems in the order of the file.
func (f *faults) sorted() []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.problems
}

func (c Config) checkValues(at places) []Problem {
	f := &faults{places: at}
	f.path("state_dir", c.StateDir)
	f.path("socket", c.Socket)
	f.word("locale", CanonicalLocale(c.Locale), LocaleAuto, LocaleEnglish, LocaleChinese)
	f.word("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	f.word("log.format", c.Log.Format, "auto", "json", "console")
	c.checkEndpoints(f)
	c.checkLimits(f)
	c.checkSchedules(f)
	c.checkLogin(f)
	c.checkControl(f)
	c.checkPage(f)
	c.checkServe(f)
	c.checkNotify(f)
	c.checkTexts(f)
	c.checkOutputs(f)
	return f.sorted()
}

func (c Config) checkLimits(f *faults) {
	l := c.Limits
	f.atLeast("limits.min_check_interval", l.MinCheckInterval, 10*time.Minute, c.Endpoints)
	perMinute, perHour := 600, 6
	if c.Endpoints.Relaxed() {
		perMinute, perHour = 1_000_000, 1_000_000
	}
	f.within("limits.requests_per_minute", l.RequestsPerMinute, 1, perMinute)
	f.within("limits.concurrency", l.Concurrency, 1, 64)
	f.within("limits.refreshes_per_hour", l.RefreshesPerHour, 1, perHour)
}

func (c Config) checkSchedules(f *faults) {
	// With a minimum that is itself refused, the message about a schedule
	// would name a limit that does not hold.
	minimum := c.Limits.MinCheckInterval.Std()
	if !c.Endpoints.Relaxed() {
		minimum = max(minimum, 10*time.Minute)
	}
	f.schedule("check.schedule", c.Check.Schedule, minimum)
	f.notNegative("check.jitter", c.Check.Jitter)
	if c.Endpoints.Relaxed() {
		f.notNegative("check.confirm_after", c.Check.ConfirmAfter)
	} else {
		f.atLeast("check.confirm_after", c.Check.ConfirmAfter, 10*time.Second, c.Endpoints)
	}
	seen := make(map[string]bool)
	for i, a := range c.Accounts {
		key := fmt.Sprintf("account[%d]", i)
		f.name(key, a.Name, seen)
		if a.Schedule != "" {
			f.schedule(key+".schedule", a.Schedule, minimum)
		}
		for j, tag := range a.Tags {
			if !ValidName(tag) {
				f.add(fmt.Sprintf("%s.tags[%d]", key, j), fmt.Sprintf("%q is not a tag", clip(tag)), hintName)
			}
		}
	}
}

func (c Config) checkLogin(f *faults) {
	l := c.Login
	f.within("login.codes", l.Codes, 1, 10)
	if len(l.Remind) == 0 {
		f.add("login.remind", "is empty", `write when to try again, ["1h", "6h", "24h"] for example; the last repeats`)
	}
	for i, d := range l.Remind {
		f.atLeast(fmt.Sprintf("login.remind[%d]", i), d, 10*time.Minute, c.Endpoints)
	}
	f.notNegative("login.gather", l.Gather)
	if l.Gather.Std() > time.Hour {
		f.add("login.gather", fmt.Sprintf("%s is too long", l.Gather), "stay at or below 1h")
	}
	f.atLeast("login.poll", l.Poll, time.Second, c.Endpoints)
	if l.Poll.Std() > time.Minute {
		f.add("login.poll", fmt.Sprintf("%s is too long", l.Poll), "a code lives for three minutes; stay at or below 1m")
	}
	f.word("login.sms_api", l.SMSAPI, "current", "legacy")
}

func (c Config) checkControl(f *faults) {
	for i, a := range c.Control.Allow {
		key := fmt.Sprintf("control.allow[%d]", i)
		if (a.User == "") == (a.Group == "") {
			f.add(key, "must name one of user and group", `write user = "name" or group = "name"`)
		}
		if strings.ContainsAny(a.User+a.Group, ": \t\r\n") {
			f.add(key, "names no user or group", "write a name or a number")
		}
		f.accounts(key+".accounts", a.Accounts)
		f.words(key+".may", a.May, MayStatus, MayGet, MayLogin, MayCheck, MayRefresh, MayManage)
	}
}

func (c Config) checkPage(f *faults) {
	if c.Page.Listen != "" && !listenAddress(c.Page.Listen) {
		f.add("page.listen", fmt.Sprintf("%q is no address to listen on", clip(c.Page.Listen)), `write "127.0.0.1:7331"`)
	}
	if c.Page.PublicURL == "" {
		return
	}
	if u, ok := webURL(c.Page.PublicURL); !ok || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		f.add("page.public_url", "is no http or https address", `write "https://keeper.example.net"`)
	}
}

const hintName = "use letters, digits, dots, dashes and underscores, at most 64"

// name checks the name of a list's entry.
func (f *faults) name(entry, name string, seen map[string]bool) {
	key := entry + ".name"
	switch {
	case name == "":
		f.add(key, "is missing", `write name = "…"`)
	case !ValidName(name):
		f.add(key, fmt.Sprintf("%q is not a name", clip(name)), hintName)
	case seen[name]:
		f.add(key, fmt.Sprintf("%q is taken", name), "give each its own name")
	}
	seen[name] = true
}

// accounts checks a list of account names in which "*" means all.
func (f *faults) accounts(key string, names []string) {
	if len(names) == 0 {
		f.add(key, "names no account", `write ["*"] for all`)
	}
	for i, name := range names {
		if name != "*" && !ValidName(name) {
			f.add(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%q is not a name", clip(name)), hintName)
		}
	}
}

// words checks a list of words, of which there must be one at least.
func (f *faults) words(key string, given []string, known ...string) {
	if len(given) == 0 {
		f.add(key, "is empty", "name some of: "+strings.Join(known, ", "))
	}
	for i, word := range given {
		f.word(fmt.Sprintf("%s[%d]", key, i), word, known...)
	}
}

func (f *faults) word(key, given string, known ...string) {
	if slices.Contains(known, given) {
		return
	}
	hint := "one of: " + strings.Join(known, ", ")
	if near := Nearest(given, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	f.add(key, fmt.Sprintf("%q is not known", clip(given)), hint)
}

func (f *faults) within(key string, n, least, most int) {
	if n < least || n > most {
		f.add(key, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("from %d to %d", least, most))
	}
}

// atLeast checks a limit that protects the site, and so does not count where
// the endpoints are others than its own.
func (f *faults) atLeast(key string, d Duration, least time.Duration, e Endpoints) {
	if e.Relaxed() {
		if d <= 0 {
			f.add(key, fmt.Sprintf("%s is too short", d), "it must be more than 0")
		}
		return
	}
	if d.Std() < least {
		f.add(key, fmt.Sprintf("%s is too short for the site", d), fmt.Sprintf("at least %s", Duration(least)))
	}
}

func (f *faults) notNegative(key string, d Duration) {
	if d < 0 {
		f.add(key, fmt.Sprintf("%s is negative", d), "write 0s or more")
	}
}

func (f *faults) schedule(key, spec string, minimum time.Duration) {
	_, err := schedule.Parse(spec, minimum)
	if err == nil {
		return
	}
	bad, ok := errors.AsType[*schedule.Error](err)
	if !ok {
		f.add(key, err.Error(), "")
		return
	}
	what := fmt.Sprintf("%q %s", clip(spec), bad.What)
	if bad.Err != nil {
		what += ": " + clip(bad.Err.Error())
	}
	f.add(key, what, bad.Hint)
}

// fromHome reports whether a path counts on a shell.
func fromHome(path string) bool { return path == "~" || strings.HasPrefix(path, "~/") }

func (f *faults) path(key, path string) {
	switch {
	case fromHome(path):
		f.add(key, `starts with "~", which only a shell understands`, "write the directory out")
	case strings.ContainsRune(path, 0):
		f.add(key, "holds a zero byte", "write a path")
	}
}
