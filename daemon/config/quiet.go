package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Quiet is a time of day in which nothing is pushed, such as "23:30-08:00".
// The zero value is never.
type Quiet struct {
	// start and end are minutes after midnight; equal only in the zero value.
	start, end int
}

// IsZero reports whether there are no quiet hours.
func (q Quiet) IsZero() bool { return q.start == q.end }

// Until returns when the quiet hours end that now falls in, by the clock of
// this machine's zone. It returns the zero time if now is outside of them.
func (q Quiet) Until(now time.Time) time.Time { return q.until(now, time.Local) }

func (q Quiet) until(now time.Time, zone *time.Location) time.Time {
	if q.IsZero() {
		return time.Time{}
	}
	now = now.Round(0).In(zone)
	hour, minute, _ := now.Clock()
	clock := hour*60 + minute
	inside := clock >= q.start && clock < q.end
	if q.start > q.end {
		inside = clock >= q.start || clock < q.end
	}
	if !inside {
		return time.Time{}
	}
	year, month, day := now.Date()
	if clock >= q.end {
		day++
	}
	end := time.Date(year, month, day, 0, q.end, 0, 0, zone)
	// Where the clocks are put back, the end may name a time that comes twice,
	// and Date is free to take the one that has passed.
	for !end.After(now) {
		end = end.Add(time.Hour)
	}
	return end
}

// String returns q as it is written in the file.
func (q Quiet) String() string {
	if q.IsZero() {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", q.start/60, q.start%60, q.end/60, q.end%60)
}

// MarshalText implements [encoding.TextMarshaler].
func (q Quiet) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (q *Quiet) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "" {
		*q = Quiet{}
		return nil
	}
	from, to, ok := strings.Cut(s, "-")
	start, okStart := clockTime(from)
	end, okEnd := clockTime(to)
	if !ok || !okStart || !okEnd {
		return fmt.Errorf("%q is not a time of day", clip(s))
	}
	if start == end {
		return fmt.Errorf("%q starts when it ends", clip(s))
	}
	*q = Quiet{start: start, end: end}
	return nil
}

// clockTime reads hh:mm; 24:00 is midnight.
func clockTime(s string) (minutes int, ok bool) {
	head, tail, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok || len(head) < 1 || len(head) > 2 || len(tail) != 2 {
		return 0, false
	}
	hour, errHour := strconv.ParseUint(head, 10, 8)
	minute, errMinute := strconv.ParseUint(tail, 10, 8)
	if errHour != nil || errMinute != nil || hour > 24 || minute > 59 || hour == 24 && minute > 0 {
		return 0, false
	}
	return int(hour%24*60 + minute), true
}
