package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/program"
)

const (
	// maxHookOutput is how much of what commands print is kept, as the last of it.
	maxHookOutput = 8 << 10
	// slack is what is captured beyond that, longer than any secret: one that
	// lies across the cut would not be recognised.
	slack = 4 << 10
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
	return program.Environment([][2]string{
		{"ACCOUNT", p.Account}, {"GENERATION", strconv.FormatUint(generation, 10)}, {"PATH", p.Path}, {"OUTPUT", p.Name},
	}...)
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
	var printed tail
	failure := program.Program{Argv: c, Timeout: h.timeout, Env: h.env, Stdout: &printed, Stderr: &printed}.Run(ctx)
	if failure == nil {
		return nil
	}
	e := &Error{Stage: StageHook, Reason: failure.Reason, Exit: failure.Exit}
	switch failure.Cause {
	case program.ErrNotStarted:
		e.Reason = plain.Clip(redact(e.Reason), maxReason)
		return e
	case program.ErrTimeout:
		e.err = ErrTimeout
	case program.ErrStopped:
		e.err = errCut
	}
	e.Output = printed.redacted(redact)
	if line := plain.Clip(lastLine(e.Output), maxReason); line != "" {
		e.Reason += ": " + line
	}
	return e
}

// maxReason is enough for a status and a sentence.
const maxReason = 200

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
