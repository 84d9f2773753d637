// Package program runs a person's own program once: without a shell, with an
// environment of its own, with a time limit, and together with all that it starts.
//
// What it is told, what becomes of what it writes, and whether it is run again is the
// caller's business; none of it comes in.
//
// Guarantees:
//   - the program sees nothing of this process's environment but where programs,
//     files and words are found, and what its caller adds;
//   - nothing that it started outlives its time limit or the context, save what has
//     left its group; what it leaves running where it succeeds is left alone;
//   - a failure holds nothing that the program wrote, and nothing of its arguments.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/processgroup"
)

// pipeDelay is how long a program's pipes are read on after it has ended. What it
// left running in the background holds them open.
const pipeDelay = 500 * time.Millisecond

// Program is what is run and how. Argv has one word at least; the time limit is more
// than nothing.
type Program struct {
	Argv           []string
	Timeout        time.Duration
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Causes of a [Failure].
var (
	ErrNotStarted = errors.New("the program cannot be started")
	ErrTimeout    = errors.New("the program's time is over")
	ErrStopped    = errors.New("the program was stopped with its context")
)

// Failure is why a program did not succeed.
type Failure struct {
	// Reason is a sentence with the program's name.
	Reason string
	// Exit is its exit code, -1 where it has none.
	Exit int
	// Cause is one of those above, nil where the program ended by itself.
	Cause error
}

func (f *Failure) Error() string { return f.Reason }
func (f *Failure) Unwrap() error { return f.Cause }

// Name is what people are told of a program.
func Name(argv []string) string { return filepath.Base(argv[0]) }

// Environment is one for a program: where it finds programs, files and words, and
// the pairs, each name behind BILIKEEPER_.
func Environment(pairs ...[2]string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, pair := range pairs {
		env = append(env, "BILIKEEPER_"+pair[0]+"="+strings.ReplaceAll(pair[1], "\x00", ""))
	}
	return env
}

// Run runs the program. Nil is a success: it ended with 0.
func (p Program) Run(ctx context.Context) *Failure {
	life, cancel := context.WithTimeoutCause(ctx, p.Timeout, ErrTimeout)
	defer cancel()
	cmd := exec.CommandContext(life, p.Argv[0], p.Argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.Env, p.Stdin, p.Stdout, p.Stderr, pipeDelay
	group := processgroup.New(cmd)
	cmd.Cancel = group.Kill
	err := cmd.Start()
	if err == nil {
		group.Started()
		err = cmd.Wait()
	}
	group.Close()
	name := Name(p.Argv)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		// The second: the program succeeded and left something in the background.
		return nil
	case cmd.ProcessState == nil:
		if bad, ok := errors.AsType[*exec.Error](err); ok {
			err = bad.Err
		}
		return &Failure{Reason: name + " cannot be started: " + err.Error(), Exit: -1, Cause: ErrNotStarted}
	case errors.Is(context.Cause(life), ErrTimeout):
		return &Failure{Reason: fmt.Sprintf("%s was killed after %v", name, p.Timeout), Exit: -1, Cause: ErrTimeout}
	case life.Err() != nil:
		return &Failure{Reason: name + " was stopped", Exit: -1, Cause: ErrStopped}
	}
	return &Failure{Reason: name + " ended with " + cmd.ProcessState.String(), Exit: cmd.ProcessState.ExitCode()}
}
