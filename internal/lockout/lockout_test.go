package lockout

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func client(i int) netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255))
}

func is(right bool) func() bool { return func() bool { return right } }

func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lockout
		ctx, got := context.Background(), map[Verdict]int{}
		for range 100 {
			got[l.Try(ctx, client(1), "a", is(false))]++
		}
		if got[Wrong] != Burst || got[TooMany] != 100-Burst {
			t.Errorf("a hundred guesses: %v", got)
		}
		if v := l.Try(ctx, client(1), "a", is(true)); v != Right {
			t.Errorf("the right one from the guesser's address: %v", v)
		}
		if v := l.Try(ctx, client(1), "b", is(false)); v != Wrong {
			t.Errorf("another credential: %v", v)
		}
		if v := l.Try(ctx, client(2), "a", is(false)); v != Wrong {
			t.Errorf("another client: %v", v)
		}
		time.Sleep(Every)
		if v := l.Try(ctx, client(1), "a", is(false)); v != Wrong {
			t.Errorf("a guess later: %v", v)
		}
	})
}

// A guesser is slow, and the right one waits behind it for a moment only.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lockout
		ctx := context.Background()
		for range Burst {
			l.Try(ctx, client(1), "a", is(false))
		}
		var all sync.WaitGroup
		looked, began := 0, time.Now()
		for range 100 {
			all.Go(func() { l.Try(ctx, client(1), "a", func() bool { looked++; return false }) })
		}
		synctest.Wait()
		if v := l.Try(ctx, client(2), "a", is(true)); v != Right || time.Since(began) != 0 {
			t.Errorf("the right one from elsewhere: %v after %s", v, time.Since(began))
		}
		all.Wait()
		if looked != waiting || time.Since(began) != waiting*Hold {
			t.Errorf("%d guesses in %s", looked, time.Since(began))
		}
		if v := l.Try(ctx, client(1), "a", is(true)); v != Right {
			t.Errorf("the right one: %v", v)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if v := l.Try(ended, client(1), "a", is(true)); v != TooMany {
			t.Errorf("who has gone: %v", v)
		}
	})
}

// However many addresses there are, the memory for them is bounded, and the
// right one is taken.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lockout
		ctx := context.Background()
		for i := range maxBooks + 100 {
			l.Try(ctx, client(i), "a", is(false))
		}
		if len(l.books) != maxBooks {
			t.Errorf("%d books", len(l.books))
		}
		if v := l.Try(ctx, client(maxBooks+200), "a", is(true)); v != Right {
			t.Errorf("the right one: %v", v)
		}
		time.Sleep(time.Minute)
		if v := l.Try(ctx, client(maxBooks+300), "a", is(false)); v != Wrong || len(l.books) != 1 {
			t.Errorf("%v, %d books a minute later", v, len(l.books))
		}
	})
}
