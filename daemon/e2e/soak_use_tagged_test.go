//go:build linux && soak

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is what the process used at a time.
type sample struct {
	after time.Duration
	// used is in the order of uses.
	used [4]float64
}

// uses are what may not grow: each has a name, what the share of its first value is
// that it may come to, and what it may be more beside that.
var uses = [4]struct {
	name    string
	share   float64
	besides float64
}{
	{"MB of memory", 1.1, 2},
	{"MB of the vault", 2, 0.25}, // bbolt doubles a small file, and one more page may be the next step
	{"descriptors", 1.1, 8},
	{"goroutines", 1.1, 20},
}

// look takes a sample.
func (s *soak) look() {
	s.t.Helper()
	one := sample{after: time.Since(s.began)}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.keeper.pid()))
	if err != nil {
		s.t.Fatal(err)
	}
	one.used[0] = number(string(status), "VmRSS:") / 1024
	info, err := os.Stat(filepath.Join(s.state(), "vault.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	one.used[1] = float64(info.Size()) / (1 << 20)
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.keeper.pid()))
	if err != nil {
		s.t.Fatal(err)
	}
	one.used[2] = float64(len(open))
	one.used[3] = number(s.onSocket("/metrics"), "go_goroutines")
	s.samples = append(s.samples, one)
}

// number is what stands behind a word at the beginning of a line.
func number(text, word string) float64 {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == word {
			v, _ := strconv.ParseFloat(f[1], 64)
			return v
		}
	}
	return 0
}

// flat compares the first fifth of the time after the warm-up with the last, by the
// median of each, where there is enough of it.
func (s *soak) flat(lasts time.Duration) {
	s.t.Helper()
	for i, part := range slices.Collect(slices.Chunk(s.samples, max(len(s.samples)/10, 1))) {
		s.t.Logf("%d: from %s on %.1f MB, the vault %.2f MB, %.0f descriptors, %.0f goroutines", i, part[0].after.Round(time.Second),
			middle(part, 0), middle(part, 1), middle(part, 2), middle(part, 3))
	}
	if lasts < 2*warmUp {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(s.samples), func(one sample) bool { return one.after < warmUp })
	fifth := len(rest) / 5
	for i, u := range uses {
		first, last := middle(rest[:fifth], i), middle(rest[len(rest)-fifth:], i)
		if last > first*u.share+u.besides {
			s.t.Errorf("%s have grown from %.2f to %.2f", u.name, first, last)
		}
	}
}

// middle is the median of one use.
func middle(list []sample, i int) float64 {
	var values []float64
	for _, one := range list {
		values = append(values, one.used[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
