package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/rs/zerolog"
)

// Ledger keeps each output's record over restarts.
type Ledger interface {
	// Load returns what was saved last; found is false for a new output.
	Load(name string) (p Progress, found bool, err error)
	// Save stores the record and what there is to tell about it in one
	// transaction: neither may be seen without the other.
	Save(name string, p Progress, results []Result) error
}

// Progress is an output's record. Its JSON is what a ledger stores. It holds no
// secret: Digest is a hash over values that nobody can guess.
type Progress struct {
	// Generation is that of the credential that was delivered last, Digest stands
	// for its bytes and for the place they went to.
	Generation uint64 `json:"generation,omitempty"`
	Digest     string `json:"digest,omitempty"`
	// WrittenAt is when the other side last got something new, FailedAt when that
	// last did not work; Attempts counts the failures since.
	WrittenAt time.Time `json:"written_at,omitzero"`
	FailedAt  time.Time `json:"failed_at,omitzero"`
	Attempts  int       `json:"attempts,omitempty"`
	// RetryAt is the time before which the other side is left alone.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// LastError is the text of the last failure; a delivery clears it.
	LastError string `json:"last_error,omitempty"`

	// HookGeneration and HookDigest are those for which all commands last
	// succeeded. Where HookDigest is not Digest, they are still to be run.
	HookGeneration uint64 `json:"hook_generation,omitempty"`
	HookDigest     string `json:"hook_digest,omitempty"`
	// HookAt is when they were last run, HookTook how long that took, HookExit
	// the code with which the last one ended, HookError what was wrong.
	HookAt       time.Time     `json:"hook_at,omitzero"`
	HookTook     time.Duration `json:"hook_took,omitempty"`
	HookExit     int           `json:"hook_exit,omitempty"`
	HookError    string        `json:"hook_error,omitempty"`
	HookAttempts int           `json:"hook_attempts,omitempty"`
}

// The outcomes of a result. Names are on the wire.
const (
	OutcomeWritten = "written"
	OutcomeFailed  = "failed"
)

// Result is something to tell of: a content that arrived, or a failure, the
// first of a row and the one after which nothing is tried any more. It holds no
// secret.
type Result struct {
	Output, Account string
	Generation      uint64
	// Outcome is one of the Outcome… words, Stage one of the Stage… words.
	Outcome, Stage string
	// Attempts is which try it was, GaveUp that none follows by itself.
	Attempts int
	GaveUp   bool
	Detail   string
	Exit     int
	Took     time.Duration
}

// The states of an output. Names are on the wire.
const (
	StateOK       = "ok"
	StateWaiting  = "waiting"  // for a living credential
	StateRetrying = "retrying" // the last delivery failed, another try follows
	StateFailed   = "failed"   // given up until something changes
	StateHook     = "hook"     // delivered, but the commands failed
	StatePending  = "pending"  // not looked at yet, or the commands are to be run
)

// Status is how an output has been doing.
type Status struct {
	Name, Account, Format string
	// Kind is one of the Stage… words, Place the path or the host.
	Kind, Place string
	// State is one of the State… words.
	State string
	// HookRetryAt is when the commands are run next, zero where they are not due.
	HookRetryAt time.Time
	Progress
}

// Engine runs outputs.
type Engine struct {
	workers []*worker
	started atomic.Bool
}

// add checks an output and takes it in. It starts nothing.
func (e *Engine) add(o Output, k *keeper.Keeper, led Ledger, log zerolog.Logger) error {
	p, err := prepare(o)
	if err != nil {
		return err
	}
	for _, w := range e.workers {
		switch {
		case w.out.Name == o.Name:
			return fmt.Errorf("two outputs are called %q", o.Name)
		case o.Path != "" && w.out.Path != "" && filepath.Clean(w.out.Path) == filepath.Clean(o.Path):
			return fmt.Errorf("outputs %q and %q write the same file", w.out.Name, o.Name)
		}
	}
	e.workers = append(e.workers, newWorker(p, k, led, log))
	return nil
}

// Run delivers until ctx ends, and returns when each output has finished what
// it was about. That has a grace of 5 s, then it is cut; what was cut is done by
// the next Run. An engine runs once.
func (e *Engine) Run(ctx context.Context) error {
	if e.started.Swap(true) {
		return errors.New("the outputs have run before")
	}
	var wg sync.WaitGroup
	for _, w := range e.workers {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	<-ctx.Done()
	return nil
}

// Status tells how each output has been doing, in the order in which they were taken in.
func (e *Engine) Status() []Status {
	all := make([]Status, 0, len(e.workers))
	for _, w := range e.workers {
		all = append(all, w.snapshot())
	}
	return all
}

// RunNow delivers an output at once, past its back-off: it compares a file with
// what it should be instead of trusting the record, sends a push again, and
// runs commands that are due or had failed. It waits for what the output is
// about, and for Run to begin. A failure is retried as any other.
func (e *Engine) RunNow(ctx context.Context, name string) (Status, error) {
	i := slices.IndexFunc(e.workers, func(w *worker) bool { return w.out.Name == name })
	if i < 0 {
		return Status{}, fmt.Errorf("%w: %q", ErrNoOutput, name)
	}
	return e.workers[i].runNow(ctx)
}
