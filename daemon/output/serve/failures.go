package serve

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A sender may be wrong five times, and then once in ten seconds. One that is
// wrong more often than that gets no answer at all, right or wrong, because an
// answer to what is right would tell it so.
const (
	failBurst = 5
	failEvery = 10 * time.Second
	// maxSenders bounds the memory. Those beyond share one count.
	maxSenders = 1024
)

// failures counts who has been wrong.
type failures struct {
	mu       sync.Mutex // guards senders
	senders  map[netip.Prefix]*rate.Limiter
	overflow *rate.Limiter
}

func newFailures() *failures {
	return &failures{senders: map[netip.Prefix]*rate.Limiter{}, overflow: newLimiter()}
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(failEvery), failBurst) }

// sender is where a request comes from: an address, or the network of an IPv6
// address, of which a single machine has any number.
func sender(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := ap.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// permitted reports whether a sender may be wrong once more.
func (f *failures) permitted(remote string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.senders[sender(remote)]
	if !ok {
		if len(f.senders) < maxSenders {
			return true
		}
		l = f.overflow
	}
	return l.Tokens() >= 1
}

// count notes that a sender was wrong.
func (f *failures) count(remote string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := sender(remote)
	l, ok := f.senders[key]
	if !ok {
		if len(f.senders) >= maxSenders {
			f.forget()
		}
		l = f.overflow
		if len(f.senders) < maxSenders {
			l = newLimiter()
			f.senders[key] = l
		}
	}
	l.Allow()
}

// forget drops those who have not been wrong for a while.
func (f *failures) forget() {
	for key, l := range f.senders {
		if l.Tokens() >= failBurst {
			delete(f.senders, key)
		}
	}
}
