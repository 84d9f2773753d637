package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Checks are what other rooms know of their parts of the configuration. Of what is
// left out nothing is checked; without Channels there is no type of channel.
type Checks struct {
	// Channels are the types of channels.
	Channels []setting.Kind
	// Verbs are what a peer may be allowed to do.
	Verbs []string
	// Schedule returns the least time between two checks, or what is wrong.
	Schedule func(spec string, least time.Duration) (time.Duration, *setting.Fault)
	// Texts and Outputs tell what is wrong with entries. That names and accounts are
	// proper names is checked here.
	Texts   func(list []Text, f *setting.Faults)
	Outputs func(list []Output, f *setting.Faults)
	// OutputFiles are the files that an output names. InlineSecrets tells what a file
	// must not hold that everybody can read.
	OutputFiles   func(o Output) []setting.File
	InlineSecrets func(o Output, f *setting.Faults)
	// Build builds what the entries say, where nothing else is wrong, and tells which
	// cannot be.
	Build func(c Config, p Places, f *setting.Faults)
}

// faults collects the problems of a configuration.
type faults struct{ setting.Faults }

// problems returns what was found, in the order of the file.
func (f *faults) problems(at positions) []Problem {
	var list []Problem
	for _, found := range f.Found() {
		p := at.at(found.Key)
		list = append(list, Problem{Line: p.line, Column: p.column, Key: found.Key, What: found.What, Hint: found.Hint})
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}

func (c Config) checkValues(at positions, k Checks) []Problem {
	f := new(faults)
	f.Path("state_dir", c.StateDir)
	f.Path("socket", c.Socket)
	f.Word("locale", CanonicalLocale(c.Locale), LocaleAuto, LocaleEnglish, LocaleChinese)
	f.proxies(c.TrustedProxies)
	f.Word("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	f.Word("log.format", c.Log.Format, "auto", "json", "console")
	c.checkEndpoints(f)
	c.checkLimits(f)
	c.checkSchedules(f, k)
	c.checkLogin(f)
	c.checkControl(f, k)
	c.Page.check(f)
	c.Metrics.check(f, c.Page.Listen, c.Serve.Listen)
	c.Heartbeat.check(f)
	c.checkServe(f)
	c.Backup.check(f)
	c.Store.check(f)
	f.Within("journal.entries", c.Journal.Entries, 100, 10_000_000)
	f.Within("journal.per_account", c.Journal.PerAccount, 1, 10_000)
	c.checkNotify(f, k)
	if k.Texts != nil {
		k.Texts(c.Text, &f.Faults)
	}
	c.checkOutputs(f, k)
	return f.problems(at)
}

func (b Backup) check(f *faults) {
	if b.Every != 0 && b.Every.Std() < time.Second {
		f.Add("backup.every", fmt.Sprintf("%s is too short", b.Every), `write "24h", or "0s" for no copies`)
	}
	f.Within("backup.keep", b.Keep, 1, 1000)
	f.Path("backup.dir", b.Dir)
}

func (c Config) checkLimits(f *faults) {
	l := c.Limits
	f.atLeast("limits.min_check_interval", l.MinCheckInterval, 10*time.Minute, c.Endpoints)
	perMinute, perHour := 600, 6
	if c.Endpoints.Relaxed() {
		perMinute, perHour = 1_000_000, 1_000_000
	}
	f.Within("limits.requests_per_minute", l.RequestsPerMinute, 1, perMinute)
	f.Within("limits.concurrency", l.Concurrency, 1, 64)
	f.Within("limits.refreshes_per_hour", l.RefreshesPerHour, 1, perHour)
}

func (c Config) checkSchedules(f *faults, k Checks) {
	// With a minimum that is itself refused, the message about a schedule
	// would name a limit that does not hold.
	minimum := c.Limits.MinCheckInterval.Std()
	if !c.Endpoints.Relaxed() {
		minimum = max(minimum, 10*time.Minute)
	}
	check := func(key, spec string) {
		if k.Schedule != nil {
			_, fault := k.Schedule(spec, minimum)
			f.AddFault(key, fault)
		}
	}
	check("check.schedule", c.Check.Schedule)
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
			check(key+".schedule", a.Schedule)
		}
		a.checkWay(f.Table(key))
		for j, tag := range a.Tags {
			if !ValidName(tag) {
				f.Add(fmt.Sprintf("%s.tags[%d]", key, j), fmt.Sprintf("%q is not a tag", setting.Clip(tag)), hintName)
			}
		}
	}
}

func (c Config) checkLogin(f *faults) {
	l := c.Login
	f.Within("login.codes", l.Codes, 1, 10)
	if len(l.Remind) == 0 {
		f.Add("login.remind", "is empty", `write when to try again, ["1h", "6h", "24h"] for example; the last repeats`)
	}
	for i, d := range l.Remind {
		f.atLeast(fmt.Sprintf("login.remind[%d]", i), d, 10*time.Minute, c.Endpoints)
	}
	f.notNegative("login.gather", l.Gather)
	if l.Gather.Std() > time.Hour {
		f.Add("login.gather", fmt.Sprintf("%s is too long", l.Gather), "stay at or below 1h")
	}
	f.atLeast("login.poll", l.Poll, time.Second, c.Endpoints)
	if l.Poll.Std() > time.Minute {
		f.Add("login.poll", fmt.Sprintf("%s is too long", l.Poll), "a code lives for three minutes; stay at or below 1m")
	}
	f.Word("login.sms_api", l.SMSAPI, "current", "legacy")
}

func (c Config) checkControl(f *faults, k Checks) {
	for i, a := range c.Control.Allow {
		key := fmt.Sprintf("control.allow[%d]", i)
		if (a.User == "") == (a.Group == "") {
			f.Add(key, "must name one of user and group", `write user = "name" or group = "name"`)
		}
		if strings.ContainsAny(a.User+a.Group, ": \t\r\n") {
			f.Add(key, "names no user or group", "write a name or a number")
		}
		f.accounts(key+".accounts", a.Accounts)
		if k.Verbs != nil {
			f.Words(key+".may", a.May, k.Verbs...)
		}
	}
}

func (f *faults) proxies(entries []string) {
	for i, entry := range entries {
		_, err := clientaddr.Parse(entry)
		if fault, ok := errors.AsType[*setting.Fault](err); ok {
			f.AddFault(fmt.Sprintf("trusted_proxies[%d]", i), fault)
		}
	}
}

const hintName = "use letters, digits, dots, dashes and underscores, at most 64"

// name checks the name of a list's entry.
func (f *faults) name(entry, name string, seen map[string]bool) {
	key := entry + ".name"
	switch {
	case name == "":
		f.Add(key, "is missing", `write name = "…"`)
	case !ValidName(name):
		f.Add(key, fmt.Sprintf("%q is not a name", setting.Clip(name)), hintName)
	case seen[name]:
		f.Add(key, fmt.Sprintf("%q is taken", name), "give each its own name")
	}
	seen[name] = true
}

// account checks the name of an entry's account.
func (f *faults) account(entry, name string) {
	if name == "" {
		f.Add(entry+".account", "is missing", `write account = "…"`)
	} else if !ValidName(name) {
		f.Add(entry+".account", fmt.Sprintf("%q is not a name", setting.Clip(name)), hintName)
	}
}

// accounts checks a list of account names in which "*" means all.
func (f *faults) accounts(key string, names []string) {
	if len(names) == 0 {
		f.Add(key, "names no account", `write ["*"] for all`)
	}
	for i, name := range names {
		if name != "*" && !ValidName(name) {
			f.Add(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%q is not a name", setting.Clip(name)), hintName)
		}
	}
}

// atLeast checks a limit that protects the site, and so does not count where
// the endpoints are others than its own.
func (f *faults) atLeast(key string, d Duration, least time.Duration, e Endpoints) {
	if e.Relaxed() {
		if d <= 0 {
			f.Add(key, fmt.Sprintf("%s is too short", d), "it must be more than 0")
		}
		return
	}
	if d.Std() < least {
		f.Add(key, fmt.Sprintf("%s is too short for the site", d), fmt.Sprintf("at least %s", Duration(least)))
	}
}

func (f *faults) notNegative(key string, d Duration) {
	if d < 0 {
		f.Add(key, fmt.Sprintf("%s is negative", d), "write 0s or more")
	}
}

// checkOutputs checks what an output has of this room: names.
func (c Config) checkOutputs(f *faults, k Checks) {
	names := make(map[string]bool)
	for i, o := range c.Output {
		key := fmt.Sprintf("output[%d]", i)
		f.name(key, o.Name, names)
		f.account(key, o.Account)
	}
	if k.Outputs != nil {
		k.Outputs(c.Output, &f.Faults)
	}
}

// Warnings says what is set and has no effect in this version, and what works
// but may not be meant, each in a sentence.
func (c Config) Warnings(k Checks) []string {
	var w []string
	w = append(w, c.Page.warnings()...)
	for _, entry := range c.TrustedProxies {
		if network, err := clientaddr.Parse(entry); err == nil && network.Bits() == 0 {
			w = append(w, fmt.Sprintf("trusted_proxies has %s, which is everybody: whoever asks can claim to be another, and limits count for nobody", entry))
		}
	}
	if k.Schedule != nil {
		if interval, fault := k.Schedule(c.Check.Schedule, c.Limits.MinCheckInterval.Std()); fault == nil && c.Check.Jitter.Std() > interval {
			w = append(w, fmt.Sprintf("check.jitter (%s) is longer than the time between two checks (about %s)", c.Check.Jitter, Duration(interval)))
		}
	}
	for _, e := range c.Endpoints.list() {
		if u, ok := setting.WebURL(e.url); ok && u.Scheme == "http" && !outbound.Local(u.Hostname()) {
			w = append(w, fmt.Sprintf("endpoints.%s is reached in the clear: whoever is on the way can read the credentials", e.key))
		}
	}
	for _, n := range c.Notify {
		if k, ok := n.Keys.(interface{ InTheClear() bool }); ok && k.InTheClear() {
			w = append(w, fmt.Sprintf("notify %s goes out in the clear: whoever is on the way can read the login codes", n.Name))
		}
		for _, event := range n.Events {
			if strings.HasPrefix(event, "notify.") {
				w = append(w, fmt.Sprintf("notify %s is never told %s: a channel that reports on channels would report on itself", n.Name, event))
			}
		}
	}
	for _, o := range c.Output {
		if u, ok := setting.WebURL(o.URL); ok && o.AllowHTTP && u.Scheme == "http" && !outbound.Local(u.Hostname()) {
			w = append(w, fmt.Sprintf("output %s goes out in the clear: whoever is on the way can read the credential", o.Name))
		}
		if o.WithRefreshToken {
			w = append(w, fmt.Sprintf("output %s hands out the refresh token: whoever uses it ends the keeper's session", o.Name))
		}
	}
	return slices.Concat(w, c.Metrics.warnings(), c.Serve.warnings(), c.Store.warnings())
}
