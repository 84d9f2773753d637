package engine

import (
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	firstDelay = time.Second
	maxDelay   = 5 * time.Minute
	// maxSilence is the longest time that another side can ask to be left alone.
	maxSilence = time.Hour
	// hookTries is how often a row of commands is run for one content.
	hookTries = 3
)

// verb is what is done for an output.
type verb int

const (
	actRest    verb = iota // nothing, until a time or a change
	actDeliver             // write or send the content
	actNote                // record that a new credential has the content that is there
	actReject              // record that the credential cannot be written out
	actRun                 // run the commands
)

// action is what is to be done for an output now.
type action struct {
	verb verb
	// state is what the output is in while it rests, "" for that in which it is.
	state string
	// until is when to look again if nothing changes; zero is never.
	until time.Time
	// err is what RunNow is told of the rest.
	err error
}

// job is what there is to deliver: a credential, written out.
type job struct {
	content
	// alive is false where there is no living credential, settled true where the
	// target still has what was delivered last, as far as can be seen.
	alive, settled bool
	// force is an order to deliver past the record and the back-off.
	force bool
	// unwritable is why the credential cannot be written out.
	unwritable *Error
}

// memory is what an output knows beside its record. It is not kept over a
// restart, which gives what had failed further tries.
type memory struct {
	// gaveUp is the digest of which a delivery will not be tried again by itself.
	gaveUp string
	// tried is the generation that was last tried.
	tried uint64
	hooks hookState
}

// hookState is how the commands of a content stand.
type hookState struct {
	digest string // the content that the rest is about
	tries  int
	// at is before when the commands are not run: a retry's time, or the end of
	// the debounce; latest is when they are run although changes go on.
	at, latest time.Time
}

// planDelivery says what is to be done about an output's content.
func planDelivery(o prepared, p Progress, mem memory, j job, now time.Time) action {
	switch same := j.digest == p.Digest; {
	case !j.alive:
		return action{state: StateWaiting, err: ErrNoCredential}
	case j.unwritable != nil:
		// The same credential will not be written out any better later.
		if mem.gaveUp == j.digest && p.LastError == j.unwritable.Error() {
			return action{state: StateFailed, err: j.unwritable}
		}
		return action{verb: actReject}
	case j.force:
		return action{verb: actDeliver}
	case same && j.settled && (p.Generation != j.generation || p.Attempts > 0):
		return action{verb: actNote}
	case same && j.settled:
		return action{state: StateOK}
	case mem.gaveUp == j.digest:
		return action{state: StateFailed}
	case !p.RetryAt.After(now):
	case now.Before(p.FailedAt):
		// The clock was set back, and RetryAt may be years away.
	case o.kind() == StageFile && mem.tried != j.generation:
		// A disk need not be left alone; that a credential is new need not wait.
	default:
		return action{state: StateRetrying, until: p.RetryAt}
	}
	return action{verb: actDeliver}
}

// planCommands says what is to be done about the commands once a content is
// delivered, and how they stand from then on.
func planCommands(o prepared, p Progress, h hookState, j job, now time.Time) (hookState, action) {
	if len(o.OnChange) == 0 || p.HookDigest == j.digest {
		return hookState{}, action{}
	}
	if h.digest != j.digest {
		h = h.put(j.digest, o.Debounce, now)
	}
	switch {
	case j.force:
		h.tries = 0
	case h.tries >= hookTries:
		return h, action{state: StateHook}
	case h.at.After(now) && h.at.Sub(now) <= max(o.Debounce, maxDelay):
		// The second: the clock was set back, and the time may be years away.
		if h.tries == 0 {
			return h, action{state: StatePending, until: h.at}
		}
		return h, action{state: StateHook, until: h.at}
	}
	return h, action{verb: actRun}
}

// put starts the tries over for a new content. Each change puts the commands
// off by the debounce, but a row of changes does not put them off for ever.
func (h hookState) put(digest string, debounce time.Duration, now time.Time) hookState {
	latest := h.latest
	if h.tries > 0 || latest.IsZero() {
		latest = now.Add(10 * debounce)
	}
	return hookState{digest: digest, at: attempt.Earlier(now.Add(debounce), latest), latest: latest}
}

// unwritableDigest stands for the content of a credential that has none.
func unwritableDigest(generation uint64) string { return fmt.Sprintf("generation %d", generation) }
