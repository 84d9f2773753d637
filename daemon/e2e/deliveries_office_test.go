//go:build unix

package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// treatment is what a receiver does with a request.
type treatment string

const (
	taken      treatment = "taken"
	takenSlow  treatment = "taken slowly"
	takenBig   treatment = "taken with a huge answer"
	refused500 treatment = "500"
	refused503 treatment = "503 with Retry-After"
	cutUnread  treatment = "cut before it was read"
	cutSilent  treatment = "cut after it was read"
)

// takes reports whether the request ends with a 2xx.
func (f treatment) takes() bool { return f == taken || f == takenSlow || f == takenBig }

// parcel is one request of a channel.
type parcel struct {
	id   string
	at   time.Time
	plan plan
	// accepted is true once a 2xx went out to the end, failed once it is certain
	// that none will because the receiver wanted it so.
	accepted, failed bool
	// killed is where a kill hit the keeper during this request.
	killed killMoment

	message // empty where the body was not read
	read    bool
	// late is for how long the code could not be scanned any more when it came;
	// known is false for one that the site never gave.
	late  time.Duration
	known bool
}

// message is what a request brings.
type message struct {
	Type string    `json:"type"`
	Time time.Time `json:"timestamp"`
	Data struct {
		Account  string                     `json:"account"`
		Login    *notifytest.DeliveredLogin `json:"login"`
		Accounts []struct {
			Account string `json:"account"`
		} `json:"accounts"`
	} `json:"data"`
}

// names are the accounts that a message is about.
func (m message) names() []string {
	if len(m.Data.Accounts) == 0 {
		return []string{m.Data.Account}
	}
	var list []string
	for _, a := range m.Data.Accounts {
		list = append(list, a.Account)
	}
	return list
}

// plan is what is drawn for a request before it is looked at.
type plan struct {
	treatment treatment
	kill      killMoment
	hold      time.Duration // before the answer, if that is slow
	later     time.Duration // after it, before the kill
}

// office receives the messages of one channel, and is not to be relied upon.
type office struct {
	world  *deliveries
	name   string
	server *httptest.Server

	mu   sync.Mutex // guards what follows
	rng  *rand.Rand
	row  int // failures in a row
	list []*parcel
}

// draw decides about a request. The same numbers are drawn whatever comes of
// them, so that the seed means the same from one run to the next.
func (o *office) draw() plan {
	o.mu.Lock()
	defer o.mu.Unlock()
	lot, kill, moment := o.rng.IntN(100), o.rng.IntN(100) < killsPerHundred, o.rng.IntN(5)
	p := plan{
		treatment: taken,
		hold:      time.Duration(200+o.rng.IntN(500)) * time.Millisecond / deliveryPace,
		later:     time.Duration(o.rng.IntN(6000)) * time.Microsecond,
	}
	if o.world.calm.Load() {
		return p
	}
	switch {
	case lot < 13:
		p.treatment = refused500
	case lot < 24:
		p.treatment = refused503
	case lot < 37:
		p.treatment = cutUnread
	case lot < 50:
		p.treatment = cutSilent
	case lot < 62:
		p.treatment = takenSlow
	case lot < 70:
		p.treatment = takenBig
	}
	if o.row == mostInARow && !p.treatment.takes() {
		p.treatment = taken
	}
	o.row++
	if p.treatment.takes() {
		o.row = 0
	}
	if kill {
		p.kill = []killMoment{killArrived, killRead, killHeld, killAnswered, killLater}[moment]
	}
	return p
}

func (o *office) parcels() []parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]parcel, 0, len(o.list))
	for _, p := range o.list {
		list = append(list, *p)
	}
	return list
}

// note changes a parcel that others may be looking at.
func (o *office) note(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if keeperOf(r) < o.world.front.keepers.now() {
		panic(http.ErrAbortHandler) // of a keeper that is dead: nobody waits for an answer
	}
	p := &parcel{id: r.Header.Get("webhook-id"), at: time.Now(), plan: o.draw()}
	o.note(func() { o.list = append(o.list, p) })
	o.killAt(p, killArrived)
	if p.plan.treatment == cutUnread {
		o.drop(p)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the keeper was killed while it was writing
	}
	o.open(p, r, body)
	o.killAt(p, killRead)
	if p.plan.treatment == cutSilent {
		o.drop(p)
	}
	o.hold(p, r)
	o.answer(p, w)
	if p.plan.kill == killLater {
		time.Sleep(p.plan.later) // there is no other way to get between two of the keeper's instructions
	}
	o.killAt(p, p.plan.kill)
}

// killAt kills if that was drawn for this moment. There is nobody to answer then.
func (o *office) killAt(p *parcel, moment killMoment) {
	if p.plan.kill == moment && moment != killNever && o.world.kill(moment) {
		o.note(func() { p.killed = moment })
		panic(http.ErrAbortHandler)
	}
}

// drop cuts the connection, and may kill just then.
func (o *office) drop(p *parcel) {
	o.note(func() { p.failed = true })
	o.killAt(p, p.plan.kill)
	panic(http.ErrAbortHandler)
}

// open looks at what came.
func (o *office) open(p *parcel, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	o.world.hooks.ServeHTTP(httptest.NewRecorder(), r) // it knows what is not as it should be
	var m message
	_ = json.Unmarshal(body, &m)
	late, known := time.Duration(0), true
	if m.Data.Login != nil {
		late, known = o.world.closed(m.Data.Login.URL)
	}
	o.note(func() { p.message, p.read, p.late, p.known = m, true, late, known })
}

// hold takes its time. A keeper that has died meanwhile waits for no answer.
func (o *office) hold(p *parcel, r *http.Request) {
	if p.plan.treatment != takenSlow && p.plan.kill != killHeld {
		return
	}
	rest := p.plan.hold
	if p.plan.kill == killHeld {
		rest /= 2
		if !wait(r.Context(), p.plan.hold-rest) {
			panic(http.ErrAbortHandler)
		}
		o.killAt(p, killHeld)
	}
	if !wait(r.Context(), rest) {
		panic(http.ErrAbortHandler)
	}
}

// answer writes the whole answer.
func (o *office) answer(p *parcel, w http.ResponseWriter) {
	body := ""
	switch p.plan.treatment {
	case refused500:
		w.WriteHeader(http.StatusInternalServerError)
	case refused503:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case takenBig:
		body = strings.Repeat("all is well ", 20_000)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	_, err := io.WriteString(w, body)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	// Nobody reads a huge answer to its end, and its status was there before.
	accepted := p.plan.treatment.takes() && (err == nil || p.plan.treatment == takenBig)
	o.note(func() { p.accepted, p.failed = accepted, !p.plan.treatment.takes() })
	if accepted {
		o.world.show(*p)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// accepted are the parcels for which a 2xx went out, in the order of their
// arrival.
func (o *office) accepted() []parcel {
	return slices.DeleteFunc(o.parcels(), func(p parcel) bool { return !p.accepted })
}
