package passporttest

import (
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

// Traffic is which requests came.
type Traffic struct {
	*state
	log []Request
}

// note needs mu.
func (s *Traffic) note(r *http.Request, path string) {
	s.log = append(s.log, Request{
		Time: time.Now(), Method: r.Method, Path: path, Host: r.Host,
		Cookie: r.Header.Get("Cookie") != "", UserAgent: r.UserAgent(), Headers: slices.Sorted(maps.Keys(r.Header)),
	})
}

// Log returns all requests since the start or the last ResetLog.
func (s *Traffic) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ResetLog forgets the requests counted so far.
func (s *Traffic) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Requests counts the requests of a path, or of Any.
func (s *Traffic) Requests(path string) int {
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
func (s *Traffic) MostInWindow(d time.Duration) int {
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
