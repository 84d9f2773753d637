package notify

import (
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	// giveUpAfter is how long a message is tried, and also the longest time that
	// a service can ask to be left alone.
	giveUpAfter = 24 * time.Hour
	// failingAfter is how long failures last before they are told of.
	failingAfter = 10 * time.Minute
	// panicTries is small: a channel that panics on a message will do so again,
	// and a day of retries would keep all later messages from people.
	panicTries = 3
	// retractTries is small: what is left behind is a picture that no longer
	// works, and says so.
	retractTries = 3
)

// backoff is how long a channel waits between tries.
func backoff() attempt.Backoff {
	return attempt.Backoff{First: time.Second, Most: 15 * time.Minute, MostAsked: giveUpAfter, Spread: 0.2}
}

// verdict is what follows from a try that failed. All but tryAgain say that the
// channel does not try the message again.
type verdict int

const (
	tryAgain verdict = iota
	dying            // the message's code would be dead at the next try
	refused          // the channel will never take it
	late             // it was tried for long enough
)

// judge decides about the n-th failed try of m, whose first one was at since,
// and says until when the service is left alone, zero where it need not be.
// delay is what the back-off makes of it.
func judge(m Message, err error, n int, since, now time.Time, delay time.Duration) (verdict, time.Time) {
	if final(err) {
		return refused, time.Time{}
	}
	retryAt := now.Add(delay)
	switch {
	case retryAt.After(since.Add(giveUpAfter)):
		return late, retryAt
	case n >= panicTries && errors.Is(err, ErrPanicked):
		return refused, retryAt
	case m.Expired(retryAt):
		return dying, retryAt
	}
	return tryAgain, retryAt
}
