package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Spread maps a name to a number in [0,1). It is the same for a name always,
// and even over many names: what is drawn anew at each look is drawn until it
// is small, and everybody comes early.
func Spread(name string) float64 {
	sum := sha256.Sum256([]byte(name))
	// 53 bits are what a float64 holds exactly, so that 1 is never reached.
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// Offset is the part of jitter by which the account's times are moved, in
// [0,jitter) and in whole milliseconds, since times are stored and printed.
func Offset(name string, jitter time.Duration) time.Duration {
	if jitter <= 0 {
		return 0
	}
	return time.Duration(Spread(name) * float64(jitter)).Truncate(time.Millisecond)
}
