package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/processgroup"
)

const (
	// maxHookOutput is how much of what commands print is kept, as the last of it.
	maxHookOutput = 8 << 10
	// slack is what is captured beyond that, longer than any secret: one that
	// lies across the cut would not be recognised.
	slack = 4 << 10
	// pipeDelay is how long a command's pipes are read on after it has ended.
	// What it left running in the background holds them open.
	pipeDelay = 500 * time.Millisecond
)

// hook runs an output's commands.
type hook struct {
	commands []Command
	timeout  time.Duration
	env      []string
}

// hookEnv is what commands see of the environment. The keeper's own may hold
// addresses and keys that are none of their business.
func hookEnv(p prepared, generation uint64) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env,
		"BILIKEEPER_ACCOUNT="+p.Account,
		fmt.Sprintf("BILIKEEPER_GENERATION=%d", generation),
		"BILIKEEPER_PATH="+p.Path,
		"BILIKEEPER_OUTPUT="+p.Name,
	)
}

// run runs the commands in order, up to the first that fails. redact takes the
// secrets out of what they print.
func (h hook) run(ctx context.Context, redact func(string) string) error {
	for i, c := range h.commands {
		if err := h.runOne(ctx, c, redact); err != nil {
			if len(h.commands) > 1 {
				err.Reason = fmt.Sprintf("command %d of %d, %s", i+1, len(h.commands), err.Reason)
			}
			return err
		}
	}
	return nil
}

func (h hook) runOne(ctx context.Context, c Command, redact func(string) string) *Error {
	life, cancel := context.WithTimeoutCause(ctx, h.timeout, ErrTimeout)
	defer cancel()
	var printed tail
	cmd := exec.CommandContext(life, c[0], c[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &printed, &printed
	cmd.WaitDelay = pipeDelay
	group := processgroup.New(cmd)
	cmd.Cancel = group.Kill
	err := cmd.Start()
	if err == nil {
		group.Started()
		err = cmd.Wait()
	}
	group.Close()
	name := filepath.Base(c[0])
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		// The second: the command succeeded and left something in the background.
		return nil
	case cmd.ProcessState == nil:
		return &Error{Stage: StageHook, Reason: plain.Clip(redact(startReason(name, err)), maxReason), Exit: -1}
	}
	e := &Error{Stage: StageHook, Exit: cmd.ProcessState.ExitCode(), Output: printed.redacted(redact)}
	switch {
	case errors.Is(context.Cause(life), ErrTimeout):
		e.Reason, e.Exit, e.err = fmt.Sprintf("%s was killed after %v", name, h.timeout), -1, ErrTimeout
	case life.Err() != nil:
		e.Reason, e.Exit, e.err = name+" was stopped", -1, errCut
	default:
		e.Reason = name + " ended with " + cmd.ProcessState.String()
	}
	if line := plain.Clip(lastLine(e.Output), maxReason); line != "" {
		e.Reason += ": " + line
	}
	return e
}

// maxReason is enough for a status and a sentence.
const maxReason = 200

// startReason says why a program could not be started.
func startReason(name string, err error) string {
	if bad, ok := errors.AsType[*exec.Error](err); ok {
		err = bad.Err
	}
	return name + " cannot be started: " + err.Error()
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// tail keeps the last of what is written to it.
type tail struct {
	mu    sync.Mutex // guards both: a pipe that was left behind is still copied
	bytes []byte
	cut   bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if over := len(t.bytes) - maxHookOutput - slack; over > 0 {
		t.bytes, t.cut = append(t.bytes[:0], t.bytes[over:]...), true
	}
	return len(p), nil
}

// redacted returns what was kept, without secrets. Where the beginning was cut
// off, the rest may begin in the middle of one, so the first line goes, too.
func (t *tail) redacted(redact func(string) string) string {
	t.mu.Lock()
	text, cut := strings.ToValidUTF8(string(t.bytes), "?"), t.cut
	t.mu.Unlock()
	line := strings.IndexByte(text, '\n') + 1
	switch {
	case cut && line > 0:
		text = redact(text[line:])
	case cut:
		text = redact(text)
		text = text[min(slack, len(text)):]
	default:
		text = redact(text)
	}
	if len(text) > maxHookOutput {
		text, cut = text[len(text)-maxHookOutput:], true
	}
	if cut {
		text = "…" + strings.ToValidUTF8(text, "")
	}
	return text
}
