package passporttest

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Request is one request that reached the site. It holds no credential.
type Request struct {
	Time      time.Time
	Method    string
	Path      string
	Host      string
	Cookie    bool // a Cookie header was there
	UserAgent string
	Headers   []string // the names of all headers, sorted
}

func headerNames(h http.Header) iter.Seq[string] { return maps.Keys(h) }

// Log returns all requests since the start or the last ResetLog.
func (s *Site) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ResetLog forgets the requests counted so far.
func (s *Site) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Requests counts the requests of a path, or of Any.
func (s *Site) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.log {
		if path == Any || r.Path == path {
			n++
		}
	}
	return n
}

// MostInWindow is the most requests that came within any span of time that is
// shorter than d.
func (s *Site) MostInWindow(d time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	most, first := 0, 0
	for last := range s.log {
		for s.log[last].Time.Sub(s.log[first].Time) >= d {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}
