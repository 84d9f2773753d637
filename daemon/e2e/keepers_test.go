//go:build unix

package e2e_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
)

// keepers tells from which keeper a request came, where one after the other is killed.
// What a killed one has sent may be read after its end, on a machine with much to do;
// so a request is that of the keeper which was there when its connection was accepted.
type keepers struct {
	ended atomic.Int64

	mu   sync.Mutex // held while one is killed; guards what follows
	urls []string
}

// keeperKey is where a connection's keeper is in its context.
type keeperKey struct{}

// knockPath is answered by every server itself.
const knockPath = "/knock"

// serve is a server that keepers ask.
func (k *keepers) serve(h http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != knockPath {
			h.ServeHTTP(w, r)
		}
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, keeperKey{}, k.now())
	}
	server.Start()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.urls = append(k.urls, server.URL)
	return server
}

// now is the number of the keeper that lives, or will live next.
func (k *keepers) now() int64 { return k.ended.Load() }

// keeperOf is the number of the keeper that a request came from.
func keeperOf(r *http.Request) int64 {
	n, _ := r.Context().Value(keeperKey{}).(int64)
	return n
}

// end kills one, and counts it once every connection has been accepted that it made:
// they are accepted in the order in which they came, so one that is answered came last.
// The next keeper is started after [keepers.settle].
func (k *keepers) end(kill func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kill()
	knocks := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, url := range k.urls {
		if r, err := knocks.Get(url + knockPath); err == nil {
			_ = r.Body.Close()
		}
	}
	k.ended.Add(1)
}

// settle returns when no kill is under way.
func (k *keepers) settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
}
