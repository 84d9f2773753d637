//go:build etcd && unix

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// set has the clock of a host be wrong by so much from now on, also over a start. The
// keeper has to be built for it.
func (m *member) set(wrong time.Duration) {
	m.t.Helper()
	m.write("clock.new", strconv.FormatInt(int64(wrong/time.Second), 10))
	if err := os.Rename(m.path("clock.new"), m.path("clock")); err != nil {
		m.t.Fatal(err)
	}
	time.Sleep(5 * clockRead)
}

// ofClock is what goes wrong with the clock of a host: it is set while the keeper runs, or
// wrong when the keeper starts and set right later.
func (h *history) ofClock(r *rand.Rand, m *member) trouble {
	wrong, what := time.Hour, "an hour ahead"
	if r.IntN(2) == 0 {
		wrong, what = -time.Hour, "an hour behind"
	}
	one := trouble{host: m, last: upTo(r, 25*time.Second), touches: clocks, what: "has a clock " + what, begin: func() func() {
		m.set(wrong)
		return func() { m.set(0) }
	}}
	if r.IntN(3) == 0 {
		one.what = "is killed, and starts with a clock " + what
		one.begin = func() func() {
			m.kill()
			m.set(wrong)
			m.start()
			return func() { m.set(0) }
		}
	}
	return one
}
