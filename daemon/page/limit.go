package page

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What an address may send. Many people can share one behind a proxy, so that
// it is generous; a wrong token is dear.
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

// remote is whom a request is counted for. Of IPv6 it is the /64, which is what
// one subscriber gets. What a reverse proxy on this machine says of the peer is
// believed, and of what it forwards only the last entry, its own.
func remote(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	if address.IsLoopback() {
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if said, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			address = said
		}
	}
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits)
	return prefix
}
