package lockout

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Burst is how often a client may be wrong at once, Every how often later.
	Burst = 5
	Every = 10 * time.Second
	// Hold is the least time between two tries of a client that is beyond that,
	// and waiting how many of its tries wait for their turn.
	Hold    = 50 * time.Millisecond
	waiting = 32
	// maxBooks bounds the memory. Those beyond share one count.
	maxBooks = 4096
)

// Verdict is what became of a try.
type Verdict int

// The verdicts. TooMany is a wrong try, or one that was not looked at.
const (
	Wrong Verdict = iota
	TooMany
	Right
)

// Lockout counts wrong tries. The zero value is ready.
type Lockout struct {
	mu    sync.Mutex // guards what follows
	books map[key]*book
	rest  *book
	// swept is when room was last made: it means to look at all of them.
	swept time.Time
}

type key struct {
	client     netip.Prefix
	credential string
}

// book is what one client did with one credential.
type book struct {
	tries *rate.Limiter
	// turn is held by the one try that is looked at, queue by those that wait too.
	turn, queue chan struct{}
}

func newBook() *book {
	return &book{tries: rate.NewLimiter(rate.Every(Every), Burst), turn: make(chan struct{}, 1), queue: make(chan struct{}, waiting)}
}

// Try asks right about a client's try at a credential, unless too many of its
// tries are waiting already.
func (l *Lockout) Try(ctx context.Context, client netip.Prefix, credential string, right func() bool) Verdict {
	b := l.book(key{client, credential})
	if b.tries.Tokens() < 1 {
		leave, ok := b.line(ctx)
		if !ok {
			return TooMany
		}
		defer leave()
	}
	switch {
	case right():
		return Right
	case b.tries.Allow():
		return Wrong
	}
	return TooMany
}

// line waits for a turn and holds it for a while.
func (b *book) line(ctx context.Context) (leave func(), ok bool) {
	select {
	case b.queue <- struct{}{}:
	default:
		return nil, false
	}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		<-b.queue
		return nil, false
	}
	leave = func() { <-b.turn; <-b.queue }
	select {
	case <-time.After(Hold):
		return leave, true
	case <-ctx.Done():
		leave()
		return nil, false
	}
}

func (l *Lockout) book(k key) *book {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.books == nil {
		l.books, l.rest = map[key]*book{}, newBook()
	}
	if b := l.books[k]; b != nil {
		return b
	}
	if now := time.Now(); len(l.books) >= maxBooks && now.Sub(l.swept) >= time.Second {
		l.swept = now
		l.forget()
	}
	if len(l.books) >= maxBooks {
		return l.rest
	}
	b := newBook()
	l.books[k] = b
	return b
}

// forget drops those who have not been wrong for a while: a new one is the same.
func (l *Lockout) forget() {
	for k, b := range l.books {
		if b.tries.Tokens() >= Burst && len(b.queue) == 0 {
			delete(l.books, k)
		}
	}
}
