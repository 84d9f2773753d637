package telegram

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// outlives is how long the number of an update means anything: after a week without
// one the Bot API goes on from any number, and a larger one that was kept would
// have all that comes forgotten unread. What was not confirmed in this time it has
// forgotten long since, so that nothing comes twice.
const outlives = 6 * 24 * time.Hour

// position is up to which update the bot's messages were read, and since when.
type position struct {
	offset int64
	at     time.Time
}

func (p position) String() string { return fmt.Sprintf("%d@%d", p.offset, p.at.Unix()) }

func parsePosition(s string) (p position, err error) {
	if s == "" {
		return p, nil
	}
	number, at, dated := strings.Cut(s, "@")
	if p.offset, err = strconv.ParseInt(number, 10, 64); err != nil || !dated {
		return p, err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	p.at = time.Unix(seconds, 0)
	return p, err
}

// next is what is asked for at now.
func (p position) next(now time.Time) int64 {
	if now.Sub(p.at) > outlives {
		return 0
	}
	return p.offset
}
