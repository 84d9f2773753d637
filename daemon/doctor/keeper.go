package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func judgeKeeper(f *Facts, n *notes) {
	judgeAnswer(f, n)
	if f.answered() {
		d := f.Keeper.Status.Daemon
		if d.Version != f.Version {
			n.warn("keeper.version", f.say("version"), f.say("the keeper is %s and this program %s: the keeper was not restarted after an update, or another program comes first on PATH", d.Version, f.Version), f.restart())
		}
		for _, p := range d.Problems {
			if strings.HasPrefix(p, "heartbeat: ") { // nobody's work depends on who hears of it
				n.warn("keeper.problem", "keeper", f.told(p), f.log())
				continue
			}
			n.wrong("keeper.problem", "keeper", f.told(p), f.log())
		}
		if len(d.NeedsRestart) > 0 {
			n.warn("keeper.restart", list(f, d.NeedsRestart), f.say("the file has another value than the keeper runs with, and only a restart changes it"), f.restart())
		}
		judgeReloaded(f, n)
	}
	for _, o := range f.Others {
		n.warn("keeper.others", o.Socket, f.say("another keeper (%s) answers there; where two keep the same session, a refresh by one ends the other's", o.Version),
			shell("bilikeeper", "--socket", o.Socket, "status"))
	}
	judgeClock(f, n)
}

func judgeAnswer(f *Facts, n *notes) {
	const check = "keeper.answers"
	path, err := f.Places.Socket, f.Keeper.Err
	refused, isProblem := errors.AsType[*client.Problem](err)
	switch {
	case err == nil:
		d := f.Keeper.Status.Daemon
		n.ok(check, path, f.say("version %s, process %d, running for %s", d.Version, d.PID, f.span(f.Now.Sub(d.StartedAt))))
	case isProblem && refused.Type == client.ProblemNotPermitted:
		n.skip(check, path, f.say("a keeper answers, and does not tell how it is: %v", refused), f.told(refused.Hint))
	case isProblem:
		n.wrong(check, path, f.say("the keeper refused to answer: %v", refused), f.told(refused.Hint))
	case errors.Is(err, client.ErrNoPermission):
		n.wrong(check, path, f.say("the system keeps user %s from the socket", f.User), f.say(
			`add to the keeper's configuration: [[control.allow]] with user = %q, accounts = ["*"], may = ["status", "get"]`, f.User))
	case errors.Is(err, context.DeadlineExceeded):
		n.wrong(check, path, f.say("something listens there and has not answered within %s", f.span(patience)), f.service("restart"))
	case errors.Is(err, client.ErrNoKeeper):
		judgeSilence(f, n)
	default:
		n.wrong(check, path, f.told(err.Error()), f.service("restart"))
	}
}

// judgeSilence says why nobody answers.
func judgeSilence(f *Facts, n *notes) {
	const check = "keeper.answers"
	path, h := f.Places.Socket, f.State.Holder
	switch {
	case h != nil && h.Socket != "" && h.Socket != path:
		n.wrong(check, path, f.say("no keeper answers there; process %d holds the vault and listens on %s", h.PID, h.Socket),
			shell("bilikeeper", "--socket", h.Socket, "doctor"))
	case h != nil:
		n.wrong(check, path, f.say("no keeper answers there, although process %d holds the vault", h.PID), fmt.Sprintf("kill %d && %s", h.PID, f.start()))
	case errors.Is(f.Keeper.Err, syscall.EINVAL) && len(path) > 100:
		n.wrong(check, path, f.say("the path is too long for a socket"), shorter(f))
	case errors.Is(f.Socket.Err, fs.ErrNotExist):
		detail, mend := f.say("no keeper runs here: there is no socket"), f.start()
		if len(f.Others) > 0 {
			other := f.Others[0].Socket
			detail += f.say("; one answers on %s", other)
			mend = f.say("%s, if that is the one", shell("bilikeeper", "--socket", other, "status"))
		}
		n.wrong(check, path, detail, mend)
	case f.Socket.Err == nil && f.OS != "windows" && f.Socket.Mode&fs.ModeSocket == 0:
		n.wrong(check, path, f.say("something that is no socket lies where the socket belongs, and no keeper can start"), shell("mv", path, path+".old")+" && "+f.start())
	case f.Socket.Err == nil:
		n.wrong(check, path, f.say("no keeper runs here: the socket is left from one that ended without cleaning up; the next one replaces it"), f.start())
	default:
		n.wrong(check, path, f.say("no keeper answers: %v", f.Socket.Err), f.start())
	}
}

func shorter(f *Facts) string {
	if f.UserRuntimeDir != "" {
		return shell("bilikeeper", "daemon", "--socket", f.UserRuntimeDir+"/bilikeeper.sock")
	}
	return f.say("name a shorter one with --socket, or with socket in the configuration")
}

// log says where the keeper's log is.
func (f *Facts) log() string {
	switch {
	case f.Services.Manager != systemd || !f.serving():
		return f.say("read the keeper's log, which goes to its stderr")
	case f.Places.System || f.Services.Own == nil:
		return "journalctl -u bilikeeper -n 50"
	}
	return "journalctl --user -u bilikeeper -n 50"
}

// judgeReloaded compares the names of what runs with those of the file.
func judgeReloaded(f *Facts, n *notes) {
	c := f.Configuration.Value
	if c == nil || f.Configuration.Err != nil {
		return
	}
	var wanted, running []string
	compare := func(what string, err error) {
		slices.Sort(wanted)
		slices.Sort(running)
		if err == nil && !slices.Equal(wanted, running) {
			n.warn("keeper.reloaded", what, f.say("the keeper runs with %s where %s names %s: it read another file, or not again since a change",
				list(f, running), f.Places.Config, list(f, wanted)), f.reload())
		}
		wanted, running = nil, nil
	}
	for _, e := range c.Notify {
		wanted = append(wanted, e.Name)
	}
	for _, e := range f.Keeper.Channels {
		running = append(running, e.Name)
	}
	compare("notify", f.Keeper.ChannelsErr)
	for _, e := range c.Output {
		wanted = append(wanted, e.Name)
	}
	for _, e := range f.Keeper.Outputs {
		running = append(running, e.Name)
	}
	compare("output", f.Keeper.OutputsErr)
}

func list(f *Facts, names []string) string {
	if len(names) == 0 {
		return f.say("none")
	}
	return strings.Join(names, ", ")
}

// slack is by how much two clocks, or two looks at one, may differ.
const slack = 5 * time.Minute

// judgeClock knows no other clock than the past: what was written down before
// cannot lie ahead.
func judgeClock(f *Facts, n *notes) {
	const check = "keeper.clock"
	mend := f.say("set the clock")
	if f.OS == "linux" {
		mend = "sudo timedatectl set-ntp true"
	}
	what, latest := latest(f)
	switch {
	case f.Now.Year() < 2025:
		n.wrong(check, f.say("clock"), f.say("it shows the year %d; the site's answers and refreshes depend on the right time", f.Now.Year()), mend)
	case latest.IsZero():
		n.skip(check, f.say("clock"), f.say("there is nothing yet to compare it with"), "")
	case latest.After(f.Now.Add(slack)):
		n.warn(check, f.say("clock"), f.say("it is behind, or was ahead before: %s lies %s ahead; the site refuses refreshes with a wrong time", what, f.span(latest.Sub(f.Now))), mend)
	default:
		n.ok(check, f.say("clock"), f.say("not behind anything that was written down before"))
	}
}

// latest is the latest time that is known to have passed.
func latest(f *Facts) (what string, at time.Time) {
	note := func(name string, t *time.Time) {
		if t != nil && t.After(at) {
			what, at = name, *t
		}
	}
	note(f.say("the last change of the vault"), &f.State.Vault.Modified)
	if f.answered() {
		note(f.say("the start of the keeper"), &f.Keeper.Status.Daemon.StartedAt)
		for _, a := range f.Keeper.Status.Accounts {
			note(f.say("the last check of %s", a.Name), a.CheckedAt)
			note(f.say("the last refresh of %s", a.Name), a.RefreshedAt)
		}
	}
	for _, c := range f.Keeper.Channels {
		note(f.say("the last delivery of %s", c.Name), c.LastDelivered)
	}
	return what, at
}
