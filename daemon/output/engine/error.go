package engine

import (
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// What RunNow returns beside an [*Error].
var (
	ErrNoOutput     = errors.New("there is no output of that name")
	ErrNoCredential = errors.New("the account has no living credential")
	ErrStopped      = errors.New("the outputs are not running any more")
)

// Reasons of an [*Error].
var (
	ErrTimeout  = errors.New("it took too long")
	ErrBusy     = errors.New("an earlier try has not come back yet")
	ErrPanicked = errors.New("it panicked")
)

// The stages of an output. Names are on the wire.
const (
	StageRender = "render"
	StageFile   = "file"
	StagePush   = "push"
	StageHook   = "hook"
)

// Error is why an output was not delivered, or its commands failed. Its text
// holds no secret: it is made of this package's words, paths, hosts, and what a
// command printed with the secrets taken out.
type Error struct {
	Stage  string
	Reason string
	// Exit is a command's exit code, -1 where it has none.
	Exit int
	// Output is what the commands printed.
	Output string
	// permanent is true where another try makes no sense before something changes.
	permanent bool
	// after is how long the other side asked to be left alone.
	after time.Duration
	// err is a sentinel or an error of the file system, never more.
	err error
}

func (e *Error) Error() string { return e.Stage + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.err }

// errCut says that a try ended because the engine stops. It counts for nothing.
var errCut = attempt.ErrCut
