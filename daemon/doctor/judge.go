package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Judge turns the facts into findings, in the order in which people read them.
func (f *Facts) Judge() Report {
	var r Report
	for _, judge := range []func(*Facts, *notes){
		judgeConfiguration, judgeKeeper, judgeState, judgeEtcd, judgeSocket,
		judgeAccounts, judgeWays, judgeChannels, judgePage, judgeOutputs, judgeServices,
	} {
		judge(f, (*notes)(&r.Findings))
	}
	r.OK = r.Count(Wrong) == 0
	return r
}

// say is a text of a finding.
func (f *Facts) say(format string, args ...any) string {
	if f.Text == nil {
		return fmt.Sprintf(format, args...)
	}
	return f.Text(format, args...)
}

// told is a text of the keeper, the configuration or the system in a finding.
func (f *Facts) told(text string) string { return f.say("%v", errors.New(text)) }

// command is a command line of this program that asks the same keeper.
func (f *Facts) command(words ...string) string {
	words = append([]string{"bilikeeper"}, words...)
	if f.Flags.Config != "" {
		words = append(words, "--config", f.Flags.Config)
	}
	if f.Flags.Socket != "" {
		words = append(words, "--socket", f.Flags.Socket)
	}
	return shell(words...)
}

// service is a command line for the service that belongs to the places.
func (f *Facts) service(action string) string {
	if f.Places.System || f.Services.Own == nil {
		return "bilikeeper service " + action
	}
	return "bilikeeper service " + action + " --user"
}

// start says how the keeper is started here.
func (f *Facts) start() string {
	switch s := f.ownService(); {
	case s != nil && s.Installed:
		return f.service("start")
	case s == nil || s.Err != nil || f.Container:
		return f.command("daemon")
	}
	return f.service("install") + " && " + f.service("start")
}

// restart says how a running keeper is started again.
func (f *Facts) restart() string {
	if f.serving() {
		return f.service("restart")
	}
	return fmt.Sprintf("kill %d && %s", f.Keeper.Status.Daemon.PID, f.command("daemon"))
}

// reload says how a running keeper is made to read its configuration again.
func (f *Facts) reload() string {
	if f.OS == "windows" {
		return f.restart()
	}
	return fmt.Sprintf("kill -HUP %d", f.Keeper.Status.Daemon.PID)
}

// ownService is the service of these places, nil where nobody manages one.
func (f *Facts) ownService() *Service { return cmp.Or(f.Services.Own, f.Services.System) }

// serving reports whether it runs.
func (f *Facts) serving() bool { s := f.ownService(); return s != nil && s.Running }

// asOwner puts sudo before a command that another user has to run.
func (f *Facts) asOwner(owner int, command string) string {
	if f.UID > 0 && owner >= 0 && owner != f.UID {
		return "sudo " + command
	}
	return command
}

// shell writes words as a shell takes them.
func shell(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+,@%", r)
	}
	if word != "" && !slices.ContainsFunc([]rune(word), func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ago and in say how far a time is away, in one unit.
func (f *Facts) ago(t time.Time) string { return f.say("%s ago", f.span(f.Now.Sub(t))) }

func (f *Facts) in(t time.Time) string {
	if !t.After(f.Now) {
		return f.say("now")
	}
	return f.say("in %s", f.span(t.Sub(f.Now)))
}

func (f *Facts) span(d time.Duration) string {
	switch d = d.Abs(); {
	case d < 90*time.Second:
		return f.say("%.0f s", d.Seconds())
	case d < 90*time.Minute:
		return f.say("%.0f min", d.Minutes())
	case d < 36*time.Hour:
		return f.say("%.0f h", d.Hours())
	}
	return f.say("%.0f days", d.Hours()/24)
}

func size(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
}
