package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Duration is a length of time that is written as "90s", "1h30m" or "2d".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d without the zeros of the standard form: 8h, not 8h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// maxDays keeps days within what a time.Duration holds.
const maxDays = 36500

// UnmarshalText implements [encoding.TextUnmarshaler]. A day has 24 hours
// here: what is meant is a length of time, not a date.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	bad := fmt.Errorf("%q is not a duration", setting.Clip(s))
	var days time.Duration
	if head, tail, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 32)
		if err != nil || n > maxDays {
			return bad
		}
		days, s = time.Duration(n)*24*time.Hour, tail
		if s == "" {
			*d = Duration(days)
			return nil
		}
	}
	rest, err := time.ParseDuration(s)
	if err != nil {
		return bad
	}
	if rest < 0 {
		return fmt.Errorf("%q is negative", setting.Clip(string(text)))
	}
	if rest > maxDays*24*time.Hour-days {
		return bad
	}
	*d = Duration(days + rest)
	return nil
}

// Remind is the list of pauses between attempts that nobody answered.
type Remind []Duration

// Std returns the pauses as the standard library's type.
func (r Remind) Std() []time.Duration {
	pauses := make([]time.Duration, len(r))
	for i, d := range r {
		pauses[i] = d.Std()
	}
	return pauses
}

// Rate is how many messages a channel may get in a time: "20/1m". The zero value
// leaves that to the channel.
type Rate struct {
	Messages int
	Per      time.Duration
}

// IsZero reports whether no rate was set.
func (r Rate) IsZero() bool { return r == Rate{} }

// String returns the rate as it is written, "" for none.
func (r Rate) String() string {
	if r.IsZero() {
		return ""
	}
	return strconv.Itoa(r.Messages) + "/" + Duration(r.Per).String()
}

// MarshalText implements [encoding.TextMarshaler].
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Rate) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		*r = Rate{}
		return nil
	}
	bad := fmt.Errorf("%q is not a rate", setting.Clip(s))
	count, per, ok := strings.Cut(s, "/")
	n, err := strconv.ParseUint(count, 10, 16)
	if !ok || err != nil || n == 0 {
		return bad
	}
	if per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per // "20/m" is how people say it
	}
	var d Duration
	if err := d.UnmarshalText([]byte(per)); err != nil || d.Std() < time.Second {
		return bad
	}
	*r = Rate{Messages: int(n), Per: d.Std()}
	return nil
}

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

// NextEnd returns when the quiet hours end next, by the clock of this machine's
// zone, whether now is within them or not. It returns the zero time if there are
// none.
func (q Quiet) NextEnd(now time.Time) time.Time {
	if q.IsZero() {
		return time.Time{}
	}
	return NextClock(now, q.end)
}

// NextClock returns the next time after now when a clock of this machine's zone
// shows so many minutes after midnight.
func NextClock(now time.Time, minutes int) time.Time {
	now = now.Round(0).In(time.Local)
	year, month, day := now.Date()
	for ; ; day++ {
		if at := time.Date(year, month, day, 0, minutes, 0, 0, time.Local); at.After(now) {
			return at
		}
	}
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
		return fmt.Errorf("%q is not a time of day", setting.Clip(s))
	}
	if start == end {
		return fmt.Errorf("%q starts when it ends", setting.Clip(s))
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
