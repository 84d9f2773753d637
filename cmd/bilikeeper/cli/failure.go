package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// The exit codes. Scripts rely on them; they never change.
const (
	ExitDone         = 0
	ExitFailed       = 1
	ExitUsage        = 2 // wrong usage or configuration
	ExitNoKeeper     = 3 // no keeper answers on the socket
	ExitNoAccount    = 4
	ExitNeedsLogin   = 5
	ExitSiteAway     = 6 // the site is blocking or unreachable; nothing is lost
	ExitNotPermitted = 7
	// ExitConfiguration is the daemon's where its configuration is wrong. It is
	// none that a program ends with that crashes, so that a service manager can
	// tell what trying again does not mend.
	ExitConfiguration = 78
)

// Failure is an error with the exit code and the hint that go with it.
type Failure struct {
	Code int
	Err  error
	Hint Message

	// text is what Err was made of, the zero value where it came as it is.
	text Message
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

func (f *Failure) in(l Language) string {
	if f.text.format == "" {
		return l.Error(f.Err)
	}
	return l.Text(f.text.format, f.text.args...)
}

// Fail makes a failure.
func Fail(code int, hint, format string, args ...any) error {
	return FailWith(code, Format(hint), format, args...)
}

// FailWith makes a failure whose hint takes values.
func FailWith(code int, hint Message, format string, args ...any) error {
	return &Failure{Code: code, Hint: hint, Err: fmt.Errorf(format, args...), text: Format(format, args...)}
}

// Exit ends a command with a code after everything was said.
func Exit(code int, hint string) *Failure {
	return &Failure{Code: code, Hint: Format(hint), Err: errors.New("")}
}

// Known is an error that people can do something about.
type Known = struct {
	Is   error
	Code int
	Hint string
}

// Explain makes a failure of an error that is one of those known, and nil of
// another.
func Explain(err error, known []Known) *Failure {
	for _, k := range known {
		if errors.Is(err, k.Is) {
			return &Failure{Code: k.Code, Err: err, Hint: Format(k.Hint)}
		}
	}
	return nil
}

// ProblemCode is the exit code of a problem that the keeper answered.
func ProblemCode(p *client.Problem) int {
	switch p.Type {
	case client.ProblemNoAccount:
		return ExitNoAccount
	case client.ProblemNeedsLogin:
		return ExitNeedsLogin
	case client.ProblemSiteAway, client.ProblemHostAway, client.ProblemElsewhere:
		return ExitSiteAway
	case client.ProblemNotPermitted:
		return ExitNotPermitted
	case client.ProblemBadRequest, client.ProblemMediaType, client.ProblemTooLarge, client.ProblemNoChannel, client.ProblemConfigured:
		return ExitUsage
	}
	return ExitFailed
}

// Report prints an error and returns its exit code.
func (e *Env) Report(err error) int {
	f := failureOf(e, err)
	e.SayError(f)
	if hint := f.Hint.in(e.Language()); hint != "" {
		remark(e, journal.PriErr, "bilikeeper: hint: %s", withoutLogin(hint))
	}
	return f.Code
}

// Code is the exit code of an error.
func (e *Env) Code(err error) int { return failureOf(e, err).Code }

// WithCode is an error that ends the command with another code than its own.
func (e *Env) WithCode(code int, err error) error {
	f := *failureOf(e, err)
	f.Code = code
	return &f
}

// unwritten is the error for output that could not be written.
func unwritten(err error) error {
	if inner, ok := errors.AsType[*os.PathError](err); ok {
		err = inner.Err // the rest names standard output as a file
	}
	return Fail(ExitFailed, "", "the output could not be written: %w", err)
}

// failureOf finds the exit code and the hint of an error.
func failureOf(e *Env, err error) *Failure {
	var f *Failure
	var p *client.Problem
	var c *config.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &p):
		return &Failure{Code: ProblemCode(p), Err: err, Hint: Format(p.Hint)}
	case errors.As(err, &c):
		return &Failure{Code: ExitUsage, Err: err}
	case errors.Is(err, client.ErrNoKeeper):
		return &Failure{Code: ExitNoKeeper, Err: err, Hint: startHint(e)}
	case errors.Is(err, client.ErrNoPermission):
		return &Failure{Code: ExitNotPermitted, Err: err, Hint: Format("its owner can let you in: add to the keeper's configuration %s, then run bilikeeper reload as its owner", forMe())}
	case errors.Is(err, context.Canceled):
		return &Failure{Code: ExitFailed, Err: errors.New("interrupted"), text: Format("interrupted")}
	case !e.ran:
		return &Failure{Code: ExitUsage, Err: err, Hint: Format("bilikeeper help lists the commands; bilikeeper help COMMAND shows one")}
	}
	return &Failure{Code: ExitFailed, Err: err}
}

// SayError prints an error of one of several things; the command goes on.
func (e *Env) SayError(err error) {
	if err == nil || err.Error() == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(e.Language().Error(err), "\n"), "\n") {
		remark(e, journal.PriErr, "bilikeeper: error: %s", withoutLogin(line))
	}
}

// forMe is the [[control.allow]] entry that lets the calling user in.
func forMe() string {
	return fmt.Sprintf(`[[control.allow]] with user = %q, accounts = ["*"], may = ["status", "get"]`, UserName())
}

// UserName is the calling user, by number where there is no name.
func UserName() string {
	if me, err := user.Current(); err == nil {
		return me.Username
	}
	if uid := os.Getuid(); uid >= 0 {
		return strconv.Itoa(uid)
	}
	return ""
}
