package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
	bad := fmt.Errorf("%q is not a rate", clip(s))
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
