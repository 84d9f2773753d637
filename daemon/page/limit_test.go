package page

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		count := func(path, from string, n int) map[int]int {
			out := map[int]int{}
			for range n {
				out[do(p, "GET", path, "", "RemoteAddr", from).Code]++
			}
			return out
		}
		if got := count("/l/guess", "203.0.113.1:1", 30); got[404] != guessBurst || got[429] != 10 {
			t.Errorf("guesses: %v", got)
		}
		if got := count("/l/guess", "203.0.113.2:1", 1); got[404] != 1 {
			t.Errorf("another's guess: %v", got)
		}
		// Behind the guesser's own proxy a person's link still works.
		if got := count(path, "203.0.113.1:2", 10); got[200] != 10 {
			t.Errorf("a good link from a guesser's address: %v", got)
		}
		time.Sleep(5 * time.Second)
		if got := count("/l/guess", "203.0.113.1:1", 2); got[404] != 1 || got[429] != 1 {
			t.Errorf("a guess later: %v", got)
		}
		time.Sleep(time.Minute)
		if got := count(path, "203.0.113.9:1", 100); got[200] != linkBurst {
			t.Errorf("one link: %v", got)
		}
		if got := count("/assets/page.css", "203.0.113.10:1", 300); got[200] != addressBurst {
			t.Errorf("one address: %v", got)
		}
		if got := count("/l/guess", "[2001:db8::1]:1", 20); got[404] != 20 {
			t.Errorf("IPv6: %v", got)
		}
		if got := count("/l/guess", "[2001:db8::ffff]:1", 1); got[429] != 1 {
			t.Errorf("IPv6, the same subscriber: %v", got)
		}
	})
}

func TestRemote(t *testing.T) {
	tests := []struct{ peer, forwarded, want string }{
		{"203.0.113.5:1", "", "203.0.113.5/32"},
		{"203.0.113.5:1", "198.51.100.7", "203.0.113.5/32"},
		{"127.0.0.1:1", "198.51.100.7", "198.51.100.7/32"},
		{"127.0.0.1:1", "10.9.9.9, 198.51.100.7", "198.51.100.7/32"},
		{"[::1]:1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		{"127.0.0.1:1", "nonsense", "127.0.0.1/32"},
		{"[::ffff:203.0.113.5]:1", "", "203.0.113.5/32"},
		{"[fe80::1%eth0]:1", "", "fe80::/64"},
		{"pipe", "", "invalid Prefix"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := remote(r).String(); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// However many addresses there are, the memory for them is bounded, and a new
// one is not shut out for good.
func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(guessRate, guessBurst)
		allowed := 0
		for i := range 2 * maxBuckets {
			r := &http.Request{RemoteAddr: fmt.Sprintf("10.%d.%d.1:1", i>>8, i&255)}
			if b.allow(remote(r)) {
				allowed++
			}
		}
		if len(b.of) != maxBuckets || allowed != maxBuckets+guessBurst {
			t.Errorf("%d buckets, %d allowed", len(b.of), allowed)
		}
		time.Sleep(time.Minute)
		if !b.allow(remote(&http.Request{RemoteAddr: "203.0.113.1:1"})) || len(b.of) != 1 {
			t.Errorf("%d buckets a minute later", len(b.of))
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		c := inBubble(t, p)
		var stops []func()
		for range maxStreams {
			_, stop := listen(t, c, path+"/events")
			stops = append(stops, stop)
		}
		if w := do(p, "GET", path+"/events", ""); w.Code != 429 {
			t.Errorf("one stream too many: %d", w.Code)
		}
		stops[0]()
		synctest.Wait()
		states, stop := listen(t, c, path+"/events")
		want(t, words(states), "idle:0:")
		stop()
		for _, stop := range stops {
			stop()
		}
	})
}

// A stream outlives the server's limits on a request, and Shutdown ends it.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		c := inBubble(t, p)
		states, stop := listen(t, c, path+"/events")
		defer stop()
		time.Sleep(10 * time.Minute)
		want(t, words(states), "idle:0:")
		if err := p.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		want(t, words(states), "end")
	})
}
