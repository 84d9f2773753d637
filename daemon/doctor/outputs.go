package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// The states of an output that are told apart here.
const (
	outputOK       = "ok"
	outputWaiting  = "waiting"
	outputRetrying = "retrying"
	outputFailed   = "failed"
	outputHook     = "hook"
	outputPending  = "pending"
)

func judgeOutputs(f *Facts, n *notes) {
	bad := map[string]bool{}
	if c := f.Configuration.Value; c != nil {
		for _, o := range c.Output {
			bad[o.Name] = judgeDirectory(f, n, o)
		}
	}
	switch c := f.Configuration.Value; {
	case f.answered() && f.Keeper.OutputsErr == nil:
		for _, o := range f.Keeper.Outputs {
			judgeOutput(f, n, o, bad[o.Name])
		}
	case f.answered():
		n.skip("outputs.output", f.say("outputs"), f.say("the keeper did not tell how they do: %v", errors.New(refused(f.Keeper.OutputsErr))), "")
	case c != nil:
		for _, o := range c.Output {
			n.skip("outputs.output", o.Name, f.untold("how it does"), "")
		}
	}
}

// outputDirectory is where an output's file lies, "" where it has none. A file
// with faults was read without its relative paths being made absolute.
func outputDirectory(f *Facts, o config.Output) string {
	if o.Path == "" {
		return ""
	}
	path := o.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.Places.Config), path)
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return filepath.Dir(path)
}

// judgeDirectory looks at where an output goes, and reports whether it told a
// fault.
func judgeDirectory(f *Facts, n *notes, o config.Output) bool {
	const check = "outputs.directory"
	path := outputDirectory(f, o)
	dir, ok := f.Directories[path]
	if !ok {
		return false
	}
	// Whether this process and the keeper may do the same there.
	alike := !f.confined() && (f.keeperUID() == f.UID || f.UID == 0 && !f.answered())
	switch {
	case errors.Is(dir.Err, fs.ErrNotExist):
		n.wrong(check, o.Name, f.say("the directory %s does not exist, and the keeper does not make it", path), shell("mkdir", "-p", path))
	case dir.Err != nil:
		n.skip(check, o.Name, f.say("user %s cannot look at %s: %v", f.User, path, dir.Err), "")
		return false
	case !dir.Mode.IsDir():
		n.wrong(check, o.Name, f.say("%s is not a directory", path), f.say("correct path of the output in %s", f.Places.Config))
	case alike && errors.Is(dir.Denied, fs.ErrPermission):
		n.wrong(check, o.Name, f.say("user %s may not write to %s", f.User, path), f.asOwner(dir.Owner, shell("chgrp", f.User, path))+" && "+f.asOwner(dir.Owner, shell("chmod", "g+w", path)))
	case alike && dir.Denied != nil:
		n.wrong(check, o.Name, f.say("nothing can be written to %s: %v", path, dir.Denied), shell("df", path))
	case !alike && !f.answered():
		n.skip(check, o.Name, f.say("whether the service may write to %s only the service can tell", path), "")
		return false
	default:
		return false
	}
	return true
}

// confined reports whether the keeper is a service that sees another file
// system than this process does.
func (f *Facts) confined() bool {
	s := f.Services.System
	return f.Places.System && f.Services.Manager == systemd && s != nil && s.Installed
}

// judgeOutput says how an output does. Where its directory is at fault, that was
// said already.
func judgeOutput(f *Facts, n *notes, o client.Output, told bool) {
	const check = "outputs.output"
	run := f.command("output", "run", o.Name)
	switch {
	case o.HookError != "" || o.HookAt != nil && o.HookExit != 0:
		detail := f.say("its command failed")
		if o.HookExit > 0 {
			detail += f.say(" with exit code %d", o.HookExit)
		}
		if o.HookAt != nil {
			detail = f.say("%[1]s %[2]s", detail, f.ago(*o.HookAt))
		}
		n.wrong("outputs.command", o.Name, reason(f, detail, o.HookError), run)
	case told && o.State != outputOK:
	case o.State == outputFailed || o.State == outputRetrying:
		detail := f.say("it was not delivered")
		if o.LastFailed != nil {
			detail = f.say("it failed %s", f.ago(*o.LastFailed))
		}
		if detail = reason(f, detail, o.LastError); o.RetryAt != nil {
			detail += f.say("; next try %s", f.in(*o.RetryAt))
		}
		n.wrong(check, o.Name, detail, outputMend(f, o, run))
	case o.State == outputHook:
		n.wrong("outputs.command", o.Name, f.say("its command failed"), run)
	case o.State == outputWaiting:
		n.warn(check, o.Name, f.say("it waits for a living credential of account %s", o.Account), f.command("login", o.Account))
	case o.State == outputPending:
		n.ok(check, o.Name, f.say("is being looked at"))
	case o.LastWritten != nil:
		n.ok(check, o.Name, f.say("written %s", f.ago(*o.LastWritten)))
	default:
		n.ok(check, o.Name, o.State)
	}
}

func reason(f *Facts, detail, why string) string {
	if why == "" {
		return detail
	}
	return f.say("%s: %v", detail, errors.New(why))
}

// outputMend knows the trap of the system's unit, which sees a file system
// that nothing can be written to.
func outputMend(f *Facts, o client.Output, run string) string {
	if !f.confined() || o.Kind != "file" || !strings.Contains(o.LastError, "read-only file system") {
		return run
	}
	return f.say(`sudo systemctl edit bilikeeper # add: [Service] ReadWritePaths=%s; then: sudo systemctl restart bilikeeper`, filepath.Dir(o.Place))
}
