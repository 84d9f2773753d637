//go:build etcd && unix

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// visit is a request that reached the site.
type visit struct {
	host, path   string
	mid          int64
	token        string // of a refresh
	begun, ended time.Time
	granted      bool
}

// visits are all of them.
type visits struct {
	// slow is how long the site takes for a refresh, before it acts and after; nil is
	// no time.
	slow func() time.Duration

	mu   sync.Mutex
	list []visit
	came []arrival
	// denied is when a session was denied, by its cookie.
	denied map[string][]time.Time
}

// wait takes as long as the site does for a refresh.
func (v *visits) wait() {
	if v.slow != nil {
		time.Sleep(v.slow())
	}
}

// deny notes that a session was denied.
func (v *visits) deny(session string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.denied == nil {
		v.denied = map[string][]time.Time{}
	}
	v.denied[session] = append(v.denied[session], time.Now())
}

func (v *visits) add(one visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, one)
}

// since returns those that began after a moment, and are over.
func (v *visits) since(t time.Time) (list []visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, one := range v.list {
		if one.begun.After(t) {
			list = append(list, one)
		}
	}
	return list
}

// front is the site as one host reaches it. It knows who came.
type front struct {
	host   string
	site   http.Handler
	visits *visits
	cut    atomic.Bool
	// acted is true while the site has done a refresh and not answered yet.
	acted atomic.Bool
}

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.visits.arrives(f.host, r)
	if f.cut.Load() {
		panic(http.ErrAbortHandler)
	}
	one := visit{host: f.host, path: r.URL.Path, begun: time.Now()}
	if c, err := r.Cookie("DedeUserID"); err == nil {
		one.mid, _ = strconv.ParseInt(c.Value, 10, 64)
	}
	seen := &answered{ResponseWriter: w}
	if one.path == passporttest.PathRefresh {
		one.token = r.FormValue("refresh_token")
		f.visits.wait()
	}
	defer func() {
		if one.path == passporttest.PathRefresh {
			f.acted.Store(true)
			f.visits.wait()
			f.acted.Store(false)
		}
		one.ended, one.granted = time.Now(), strings.Contains(seen.text.String(), `"refresh_token"`)
		f.visits.add(one)
		if c, err := r.Cookie("SESSDATA"); err == nil && asksWhether(one.path) && strings.Contains(seen.text.String(), `"code":-101`) {
			f.visits.deny(c.Value)
		}
	}()
	f.site.ServeHTTP(seen, r)
}

// answered keeps what the site answered.
type answered struct {
	http.ResponseWriter
	text strings.Builder
}

// Unwrap is for [http.ResponseController].
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answered) Write(data []byte) (int, error) {
	a.text.Write(data)
	return a.ResponseWriter.Write(data)
}

// once says where one account was refreshed by two hosts at the same time, or one token
// was good for two refreshes, though nothing between them allows it.
func (f *fleet) once(allowed func(first, second visit) bool) (faults []string) {
	list := f.visits.since(time.Time{})
	slices.SortFunc(list, func(a, b visit) int { return a.begun.Compare(b.begun) })
	granted, last := map[string]visit{}, map[int64]visit{}
	for _, one := range list {
		if one.path != passporttest.PathRefresh {
			continue
		}
		if before := last[one.mid]; before.host != "" && before.host != one.host && before.ended.After(one.begun) {
			faults = append(faults, fmt.Sprintf("%d was refreshed by %s and %s at once", one.mid, before.host, one.host))
		}
		last[one.mid] = one
		if !one.granted {
			continue
		}
		if before := granted[one.token]; before.host != "" && !allowed(before, one) {
			faults = append(faults, fmt.Sprintf("one refresh of %d was granted to %s at %s and to %s at %s",
				one.mid, before.host, before.ended.Format(time.StampMilli), one.host, one.ended.Format(time.StampMilli)))
		}
		granted[one.token] = one
	}
	return faults
}

// never allows nothing.
func never(visit, visit) bool { return false }
