package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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
	bad := fmt.Errorf("%q is not a duration", clip(s))
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
		return fmt.Errorf("%q is negative", clip(string(text)))
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

// clip shortens a value that is quoted in an error text.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
