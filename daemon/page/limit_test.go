package page

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
)

func TestLimits(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		count := func(path, from string, n int) map[int]int {
			out := map[int]int{}
			for range n {
				out[l.do("GET", path, "", "RemoteAddr", from).Code]++
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
		if got := count("/nothing", "203.0.113.10:1", 300); got[404] != addressBurst || got[429] != 300-addressBurst {
			t.Errorf("one address: %v", got)
		}
		// What leads somewhere is not held up by what does not.
		other := l.path("other", time.Hour)
		for _, path := range []string{other, other + "/state", "/assets/page.css"} {
			if got := count(path, "203.0.113.10:2", 10); got[200] != 10 {
				t.Errorf("%s from the address of a stranger: %v", path, got)
			}
		}
		if got := count("/l/guess", "[2001:db8::1]:1", 20); got[404] != 20 {
			t.Errorf("IPv6: %v", got)
		}
		if got := count("/l/guess", "[2001:db8::ffff]:1", 1); got[429] != 1 {
			t.Errorf("IPv6, the same subscriber: %v", got)
		}
	})
}

// A link works whoever else sends what: a hundred addresses, and one behind the
// same proxy.
func TestNobodyIsShutOut(t *testing.T) {
	withLinks(t, func(c *Config) { c.Proxies, _ = clientaddr.New([]string{"192.0.2.1"}) }, func(t *testing.T, l *linked) {
		for i := range 100 {
			for _, path := range []string{"/", "/nothing", "/l/guess", "/l/guess/state"} {
				for range 10 {
					l.do("GET", path, "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
				}
			}
		}
		for range 300 {
			l.do("GET", "/l/guess", "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", "198.51.100.200")
			l.do("GET", "/", "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", "198.51.100.200")
		}
		for _, from := range []string{"198.51.100.200", "198.51.100.201", "198.51.100.7"} {
			path := l.main()
			for range 10 {
				if w := l.do("GET", path, "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", from); w.Code != 200 {
					t.Fatalf("the right link from %s: %d", from, w.Code)
				}
			}
			if w := l.do("POST", path+"/start", "{}", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", from); w.Code != 200 {
				t.Fatalf("start from %s: %d", from, w.Code)
			}
		}
		// Who makes up addresses is counted as the one that the proxy saw.
		for i := range 30 {
			l.do("GET", "/l/guess", "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", fmt.Sprintf("1.1.1.%d, 203.0.113.9", i))
		}
		if w := l.do("GET", "/l/guess", "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", "203.0.113.9"); w.Code != 429 {
			t.Errorf("made up addresses: %d", w.Code)
		}
		l.page.Trust(clientaddr.Proxies{})
		if w := l.do("GET", "/l/guess", "", "RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", "203.0.113.9"); w.Code != 404 {
			t.Errorf("a proxy that is trusted no more: %d", w.Code)
		}
	})
}

// However many addresses there are, the memory for them is bounded, and a new
// one is not shut out for good.
func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(guessRate, guessBurst)
		allowed := 0
		for i := range 2 * maxBuckets {
			if b.allow(netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255))) {
				allowed++
			}
		}
		if len(b.of) != maxBuckets || allowed != maxBuckets+guessBurst {
			t.Errorf("%d buckets, %d allowed", len(b.of), allowed)
		}
		time.Sleep(time.Minute)
		if !b.allow(netip.MustParsePrefix("203.0.113.1/32")) || len(b.of) != 1 {
			t.Errorf("%d buckets a minute later", len(b.of))
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		c := inBubble(t, l.page)
		var stops []func()
		for range maxStreams {
			_, stop := listen(t, c, path+"/events")
			stops = append(stops, stop)
		}
		if w := l.do("GET", path+"/events", ""); w.Code != 429 {
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
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		c := inBubble(t, l.page)
		states, stop := listen(t, c, path+"/events")
		defer stop()
		time.Sleep(10 * time.Minute)
		want(t, words(states), "idle:0:")
		if err := l.page.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		want(t, words(states), "end")
	})
}
