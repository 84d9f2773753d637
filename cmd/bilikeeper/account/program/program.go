// Package program runs another program with an account's secrets: in its
// environment, and in a private file that lives as long as the program does.
//
// Where the secrets come from, and when others take their place, may not come in.
//
// What the package guarantees: the file is readable by its user alone, it is gone
// when the program has ended, and where this process is killed the next one
// removes it, but not from under a program that still runs. The program's exit
// code becomes this one's.
package program

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// CookiesArgument is replaced by the path of the private cookie file.
const CookiesArgument = "{cookies}"

// WantsCookies reports whether a command line names the private file.
func WantsCookies(argv []string) bool {
	return slices.ContainsFunc(argv, func(arg string) bool { return strings.Contains(arg, CookiesArgument) })
}

// Options say what is run, and with what.
type Options struct {
	Argv []string
	// Env is added to the environment of this process.
	Env []string
	// Cookies is what the private file holds, where Argv names it.
	Cookies []byte
	// Dir is where the private file lies, if it can: the runtime directory is
	// memory and not a disk.
	Dir            string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Program is a program that can be started once.
type Program struct {
	cmd     *exec.Cmd
	private *privateFile
}

// Prepare makes everything ready that can fail before the program is started.
func Prepare(o Options) (*Program, error) {
	p := &Program{}
	argv := slices.Clone(o.Argv)
	if WantsCookies(argv) {
		private, err := writePrivate(o.Dir, o.Cookies)
		if err != nil {
			return nil, err
		}
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], CookiesArgument, private.path)
		}
		p.private = private
	}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	p.cmd.Env = append(os.Environ(), o.Env...)
	if p.private != nil {
		p.private.share(p.cmd)
	}
	return p, nil
}

// Discard removes what Prepare made. It comes after the program's end, or in
// place of its start.
func (p *Program) Discard() { p.private.remove() }

// Run runs the program to its end. Signals are the program's to answer, so they
// are passed on and not heeded here: the cookies must not vanish under a program
// that goes on.
func (p *Program) Run() error {
	defer p.Discard()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := p.cmd.Start(); err != nil {
		return notRun(p.cmd, err)
	}
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = p.cmd.Process.Signal(s)
		case err := <-done:
			return result(err)
		}
	}
}

// notRun says why a program was not run, with the exit code that a shell has for
// it: 127 where there is no such program, 126 where it cannot be run.
func notRun(cmd *exec.Cmd, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return cli.Fail(127, "", "there is no program %s", cmd.Path)
	}
	reason := err
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner
	}
	return cli.Fail(126, "", "%s cannot be run: %w", cmd.Path, reason)
}

// result is what the end of a program makes of this one.
func result(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return cli.Exit(exitCode(exit), "")
	}
	return cli.Fail(cli.ExitFailed, "", "the command: %w", err)
}
