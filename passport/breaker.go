package passport

import (
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// wholeWeb and wholeIntl stand for every host of a realm at once: a block
// concerns the address that the requests come from. The realms have servers
// and rules of their own, so a block of one says nothing of the other.
const (
	wholeWeb  = "*"
	wholeIntl = "*intl"
)

// whole names the breaker of all hosts of a realm.
func (s Site) whole() string {
	if s == Intl {
		return wholeIntl
	}
	return wholeWeb
}

const (
	siteBlockBase = 30 * time.Minute // HTTP 412 and 403, code -412
	siteRateBase  = 15 * time.Minute // HTTP 429, codes -509 and -799
	siteMax       = 24 * time.Hour

	hostBase      = time.Minute
	hostMax       = 15 * time.Minute
	hostThreshold = 5 // failures in a row
)

// Breaker is the state of one circuit breaker, as it can be kept over restarts.
// It is open until Until; a zero Until says that it is closed.
type Breaker struct {
	Host     string    // "*" is the whole of bilibili.com, "*intl" of bilibili.tv
	Opened   time.Time // wall clock, as Until; zero from a version that did not keep it
	Until    time.Time
	Failures int    // in a row: openings of the site's, failures of a host's
	Reason   string // harmless words, "HTTP 412"
}

// Name is the host, or the domain of the whole realm, for people.
func (b Breaker) Name() string {
	switch b.Host {
	case wholeWeb:
		return "bilibili.com"
	case wholeIntl:
		return "bilibili.tv"
	}
	return b.Host
}

// circuit is a breaker at work. The limiter's mutex guards it.
type circuit struct {
	Breaker
	// epoch counts openings. A request that was already under way when the
	// circuit opened tells nothing new when it ends: without this, four
	// requests in flight would count one block four times.
	epoch int
	// probe is closed when the one request ends that is let through after
	// Until, nil while there is none.
	probe chan struct{}
}

// ofSite reports whether the circuit is that of a whole realm.
func (c *circuit) ofSite() bool { return c.Host == wholeWeb || c.Host == wholeIntl }

// open reports how long the circuit stays open, 0 where it is not. A clock that
// was set back must not keep it open for longer than it was to be when it opened.
func (c *circuit) open(now time.Time) time.Duration {
	left, most := c.Until.Sub(now), siteMax
	if !c.Opened.IsZero() {
		most = min(most, c.Until.Sub(c.Opened))
	}
	if left > most {
		left = most
		c.Opened, c.Until = now.Round(0), now.Round(0).Add(left)
	}
	return max(left, 0)
}

// resting reports whether the circuit is open or waits for its probe.
func (c *circuit) resting() bool { return !c.Until.IsZero() }

// fail records a failure of a request of the given epoch and reports whether
// the circuit's state changed.
func (c *circuit) fail(now time.Time, epoch int, e *Error) bool {
	if left := c.open(now); left > 0 {
		// Only a forced request, or one that was under way, can end here. A
		// person who insists does not double the wait; a longer one that the
		// site asks for counts.
		return c.extend(now, c.pause(e))
	}
	if epoch != c.epoch {
		return false
	}
	c.Failures++
	c.Reason = e.Detail
	if !c.ofSite() && c.Failures < hostThreshold {
		return false
	}
	c.epoch++
	c.extend(now, c.pause(e))
	return true
}

func (c *circuit) extend(now time.Time, pause time.Duration) bool {
	// Without the monotonic reading: the wait goes on while the machine sleeps.
	until := now.Round(0).Add(min(pause, siteMax))
	if !until.After(c.Until) {
		return false
	}
	c.Opened, c.Until = now.Round(0), until
	return true
}

// pause is how long the circuit stays open after its latest failure.
func (c *circuit) pause(e *Error) time.Duration {
	if !c.ofSite() {
		return attempt.Double(hostBase, c.Failures-hostThreshold+1, hostMax)
	}
	base := siteBlockBase
	if e.HTTPStatus == 429 || e.Code == codeOverLimit || e.Code == codeTooFrequent {
		base = siteRateBase
	}
	return max(attempt.Double(base, c.Failures, siteMax), e.RetryAfter)
}

// succeed records that the other side answered, and reports whether that closed
// the circuit.
func (c *circuit) succeed(epoch int) bool {
	if epoch != c.epoch {
		return false // an answer from before the block
	}
	was := c.resting()
	c.Opened, c.Until, c.Failures, c.Reason = time.Time{}, time.Time{}, 0, ""
	return was
}

// refusal is the answer to a request that the open circuit does not let through.
func (c *circuit) refusal(op string, left time.Duration) *Error {
	if c.ofSite() {
		return &Error{
			Op: op, Class: Blocked, Scope: ScopeSite, RetryAfter: left, Err: ErrNotAsked,
			Detail: "not asked: the site is left alone after " + c.Reason,
		}
	}
	return &Error{
		Op: op, Class: Unreachable, Scope: ScopeHost, RetryAfter: left, Err: ErrNotAsked,
		Detail: "not asked: " + c.Host + " is left alone after " + strconv.Itoa(c.Failures) +
			" failures, the last: " + c.Reason,
	}
}
