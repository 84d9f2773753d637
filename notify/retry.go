package notify

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	firstDelay = time.Second
	maxDelay   = 15 * time.Minute
	// giveUpAfter is how long a message is tried, and also the longest time that
	// a service can ask to be left alone.
	giveUpAfter = 24 * time.Hour
	// panicTries is small: a channel that panics on a message will do so again,
	// and a day of retries would keep all later messages from people.
	panicTries = 3
	// tick is the longest single wait. Deadlines are wall-clock times, and a
	// machine that sleeps, or whose clock is set, moves them past any timer.
	tick = time.Minute
)

// backoff is the wait after the n-th failure in a row, n from 1: 1 s, doubled
// each time up to 15 min, spread by a fifth either way so that channels that
// failed together do not come back together. draw is in [0, 1).
func backoff(n int, draw float64) time.Duration {
	d := maxDelay
	if n <= 10 {
		d = min(maxDelay, firstDelay<<max(n-1, 0))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*draw))
}

// verdict is what follows from a try that failed.
type verdict struct {
	// refused: the channel will never take this message; dying: its code would
	// be dead at the next try; late: it was tried for long enough.
	refused, dying, late bool
	retryAt              time.Time // zero where the service need not be left alone
}

// givesUp reports that the channel does not try the message again.
func (v verdict) givesUp() bool { return v.refused || v.dying || v.late }

// judge decides about the n-th failed try of m, whose first one was at since.
// row is the number of failures in a row, of this message or of any.
func judge(m Message, err error, n, row int, since, now time.Time, draw float64) verdict {
	delay := backoff(row, draw)
	if sendErr, ok := errors.AsType[*SendError](err); ok {
		if !sendErr.Retry {
			return verdict{refused: true}
		}
		delay = max(delay, min(sendErr.After, giveUpAfter))
	}
	retryAt := now.Add(delay)
	return verdict{
		refused: n >= panicTries && errors.Is(err, ErrPanicked),
		dying:   m.Expired(retryAt),
		late:    retryAt.After(since.Add(giveUpAfter)),
		retryAt: retryAt,
	}
}

// maxText is enough for a status and a sentence.
const maxText = 200

// harmless is the text of a channel's error for the ledger, the log and people.
// Channels are asked to keep secrets out; this is the net below them. It knows
// what is likely: the URL in a *url.Error, the message's own code and page.
func harmless(err error, m Message) string {
	text := err.Error()
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		text = strings.ToLower(urlErr.Op) + ": " + urlErr.Err.Error()
	}
	if m.Login != nil {
		for _, hidden := range []string{m.Login.URL.Reveal(), m.Login.PageURL} {
			if hidden != "" {
				text = strings.ReplaceAll(text, hidden, secret.Redacted)
			}
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// sleep waits for d and reports whether ctx is still alive then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// wall drops the monotonic reading, so that comparisons see the clock that the
// ledger's times were written by.
func wall() time.Time { return time.Now().Round(0) }
