package page

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What an address may send that leads nowhere. Many people can share one behind a
// proxy, so that it is generous; a wrong token is dear.
const (
	addressRate  rate.Limit = 20
	addressBurst            = 200
	guessRate    rate.Limit = 0.2
	guessBurst              = 20
	// maxBuckets bounds the memory that strangers can make the page use.
	maxBuckets = 4096
)

// buckets is a token bucket for each address, a bounded number of them.
type buckets struct {
	every rate.Limit
	burst int

	mu sync.Mutex // guards what follows
	of map[netip.Prefix]*rate.Limiter
	// rest is shared by the addresses that there was no room for.
	rest *rate.Limiter
	// swept is when room was last made: it means to look at all of them.
	swept time.Time
}

func newBuckets(every rate.Limit, burst int) *buckets {
	return &buckets{every: every, burst: burst, of: map[netip.Prefix]*rate.Limiter{}, rest: rate.NewLimiter(every, burst)}
}

// allow takes one token out of an address's bucket.
func (b *buckets) allow(from netip.Prefix) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter := b.of[from]
	if limiter == nil {
		if now := time.Now(); len(b.of) >= maxBuckets && now.Sub(b.swept) >= time.Second {
			b.swept = now
			b.forget()
		}
		if len(b.of) >= maxBuckets {
			return b.rest.Allow()
		}
		limiter = rate.NewLimiter(b.every, b.burst)
		b.of[from] = limiter
	}
	return limiter.Allow()
}

// forget drops the buckets that are full again: a new one is the same.
func (b *buckets) forget() {
	for from, limiter := range b.of {
		if limiter.Tokens() >= float64(b.burst) {
			delete(b.of, from)
		}
	}
}
