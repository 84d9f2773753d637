// Package porttest finds ports of the loopback on which nobody listens, for tests that
// have to name one before something listens there, or want one where nothing does.
//
// Nothing that listens or connects may come in. Nothing but tests imports it.
//
// Guarantees: a port is given out once in a process, and is none of those that systems
// give to outgoing connections and to listeners that want any; so what else runs takes it
// by chance alone.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// The ports lie between those of services and those that systems give out themselves.
const lowest, count = 10_000, 20_000

var given sync.Map // those that were given out

// Free returns a port.
func Free(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := lowest + rand.IntN(count)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no free port was found")
	return 0
}

// Address returns the address of a port.
func Address(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", Free(t))
}
