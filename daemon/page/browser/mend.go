package browser

import (
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Mend is what to do where a page is refused because of the address that its
// request has.
const Mend = "let the proxy pass on the Host of the request (nginx: proxy_set_header Host $http_host), or set page.public_url to the address that the browser shows"

// Mends tells in the log of requests that a proxy spoilt, once in a while: who
// sends them decides how many there are.
type Mends struct {
	Log zerolog.Logger

	once rateOnce
}

// rateOnce lets something through once a minute.
type rateOnce struct {
	mu   sync.Mutex // guards last
	last time.Time
}

func (o *rateOnce) now() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); o.last.IsZero() || now.Sub(o.last) >= time.Minute {
		o.last = now
		return true
	}
	return false
}

// Foreign tells of a request whose Host and Origin do not fit the page.
func (m *Mends) Foreign(r *http.Request) {
	if m.once.now() {
		m.Log.Warn().Str("host", r.Host).Str("origin", OriginOf(r.Header.Get("Origin"))).
			Msg("a request was refused that does not come from the page's own address; if a person sent it: " + Mend)
	}
}
