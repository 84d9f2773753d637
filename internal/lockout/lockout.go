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
	// Hold is the least time between two attempts of a client that is beyond that,
	// and waiting how many of its attempts wait for their turn.
	Hold    = 50 * time.Millisecond
	waiting = 32
	// maxBooks bounds the memory. Those beyond share one count and no turn: they
	// would wait for each other, the right one among them.
	maxBooks = 4096
	crowd    = 1 << 16
)

// Verdict is what became of an attempt.
type Verdict int

// The verdicts. TooMany is a wrong attempt, or one that was not looked at.
const (
	Wrong Verdict = iota
	TooMany
	Right
)

// Lockout counts wrong attempts. The zero value is ready.
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
	attempts *rate.Limiter
	// turn is held by the one attempt that is looked at, queue by those that wait too.
	turn, queue chan struct{}
}

func newBook(atOnce, waiting int) *book {
	return &book{attempts: rate.NewLimiter(rate.Every(Every), Burst), turn: make(chan struct{}, atOnce), queue: make(chan struct{}, waiting)}
}

// Attempt asks right about a client's attempt at a credential, unless too many of its
// attempts are waiting already.
func (l *Lockout) Attempt(ctx context.Context, client netip.Prefix, credential string, right func() bool) Verdict {
	b := l.book(key{client, credential})
	if b.attempts.Tokens() < 1 {
		leave, ok := b.line(ctx)
		if !ok {
			return TooMany
		}
		defer leave()
	}
	switch {
	case right():
		return Right
	case b.attempts.Allow():
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
		l.books, l.rest = map[key]*book{}, newBook(crowd, crowd)
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
	b := newBook(1, waiting)
	l.books[k] = b
	return b
}

// forget drops those who have not been wrong for a while: a new one is the same.
func (l *Lockout) forget() {
	for k, b := range l.books {
		if b.attempts.Tokens() >= Burst && len(b.queue) == 0 {
			delete(l.books, k)
		}
	}
}
