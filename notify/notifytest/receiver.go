package notifytest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tolerance is how far a time stamp may be from now.
const tolerance = 5 * time.Minute

// Answer is what a Receiver does with one request in place of taking it.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// Hang keeps the request until the sender gives up or Release is called.
	Hang bool
	// Reset breaks the connection off.
	Reset bool
}

// Delivery is a message as it came over the wire, taken or not.
type Delivery struct {
	ID        string
	Timestamp time.Time
	Header    http.Header
	Raw       []byte
	Type      string
	Time      time.Time
	Account   string
	Site      string
	Mid       *int64
	Uname     string
	Title     string
	Text      string
	Login     *DeliveredLogin
	// Accounts is set where the message stands for several.
	Accounts []DeliveredAccount
	// Taken is false where the receiver was told to fail.
	Taken bool
	// At is when it came.
	At time.Time
}

// DeliveredAccount is one account of a message that stands for several.
type DeliveredAccount struct {
	Account string `json:"account"`
	Site    string `json:"site"`
	Mid     *int64 `json:"mid"`
	Uname   string `json:"uname"`
	PageURL string `json:"page_url"`
}

// DeliveredLogin is the code that a message brought.
type DeliveredLogin struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	PNG       []byte    `json:"qr_png_base64"`
	PageURL   string    `json:"page_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Receiver is an endpoint for webhooks. It checks the signature, the id and the
// time stamp of each request and keeps what came. The zero value takes all
// messages and checks no signature.
type Receiver struct {
	keys [][]byte

	mu         sync.Mutex // guards all below
	answers    []Answer
	always     *Answer
	deliveries []Delivery
	problems   []string
	changed    chan struct{}
	release    chan struct{}
}

// NewReceiver makes a receiver that wants a signature by one of the secrets,
// each "whsec_…"; without any it checks none.
func NewReceiver(secrets ...string) (*Receiver, error) {
	r := &Receiver{}
	for _, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil {
			return nil, fmt.Errorf("a receiver's secret is not base64")
		}
		r.keys = append(r.keys, key)
	}
	return r, nil
}

// Next sets what is done with the next requests, one answer each; after them
// messages are taken again.
func (r *Receiver) Next(answers ...Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answers...)
}

// Always sets what is done with every request that no answer of Next is for;
// nil takes messages again.
func (r *Receiver) Always(answer *Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.always = answer
}

// Release lets go of the requests that hang.
func (r *Receiver) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		close(r.release)
		r.release = nil
	}
}

// All returns what came, in order, with what was not taken.
func (r *Receiver) All() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deliveries)
}

// Taken returns what was taken, in order.
func (r *Receiver) Taken() []Delivery {
	return slices.DeleteFunc(r.All(), func(d Delivery) bool { return !d.Taken })
}

// Problems returns what was wrong with requests.
func (r *Receiver) Problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.problems)
}

// Wait waits until a message that was taken satisfies ok, and returns it.
func (r *Receiver) Wait(ctx context.Context, ok func(Delivery) bool) (Delivery, error) {
	for {
		r.mu.Lock()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed, all := r.changed, r.deliveries
		r.mu.Unlock()
		if i := slices.IndexFunc(all, func(d Delivery) bool { return d.Taken && ok(d) }); i >= 0 {
			return all[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Delivery{}, context.Cause(ctx)
		}
	}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d, err := r.read(req)
	answer := r.record(d, err)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if answer.Hang {
		r.hang(req)
	}
	if answer.Reset || answer.Hang {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body)
}

func (r *Receiver) hang(req *http.Request) {
	r.mu.Lock()
	if r.release == nil {
		r.release = make(chan struct{})
	}
	release := r.release
	r.mu.Unlock()
	select {
	case <-release:
	case <-req.Context().Done():
	}
}

// record notes what came and says what to do with it.
func (r *Receiver) record(d Delivery, err error) Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	if err != nil {
		r.problems = append(r.problems, err.Error())
		return Answer{}
	}
	answer := Answer{Status: http.StatusNoContent}
	switch {
	case len(r.answers) > 0:
		answer, r.answers = r.answers[0], r.answers[1:]
	case r.always != nil:
		answer = *r.always
	}
	d.Taken = answer.Status/100 == 2 && !answer.Hang && !answer.Reset
	r.deliveries = append(r.deliveries, d)
	return answer
}

// read parses and checks a request.
func (r *Receiver) read(req *http.Request) (Delivery, error) {
	raw, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return Delivery{}, fmt.Errorf("read the body: %w", err)
	}
	d := Delivery{ID: req.Header.Get("webhook-id"), Header: req.Header.Clone(), Raw: raw, At: time.Now()}
	stamp := req.Header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	switch {
	case req.Method != http.MethodPost:
		return d, fmt.Errorf("method %s", req.Method)
	case req.Header.Get("Content-Type") != "application/json":
		return d, fmt.Errorf("content type %q", req.Header.Get("Content-Type"))
	case d.ID == "":
		return d, fmt.Errorf("no id")
	case err != nil:
		return d, fmt.Errorf("time stamp %q", stamp)
	}
	d.Timestamp = time.Unix(seconds, 0)
	if math.Abs(time.Since(d.Timestamp).Seconds()) > tolerance.Seconds() {
		return d, fmt.Errorf("time stamp %q is too far from now", stamp)
	}
	if !r.signed(req.Header.Get("webhook-signature"), d.ID+"."+stamp+"."+string(raw)) {
		return d, fmt.Errorf("no valid signature")
	}
	return d, d.parse()
}

func (r *Receiver) signed(header, content string) bool {
	if len(r.keys) == 0 {
		return true
	}
	for _, one := range strings.Fields(header) {
		text, ok := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			continue
		}
		for _, key := range r.keys {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(content))
			if hmac.Equal(got, mac.Sum(nil)) {
				return true
			}
		}
	}
	return false
}

func (d *Delivery) parse() error {
	var body struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			Account  string             `json:"account"`
			Site     string             `json:"site"`
			Mid      *int64             `json:"mid"`
			Uname    string             `json:"uname"`
			Title    string             `json:"title"`
			Text     string             `json:"text"`
			Login    *DeliveredLogin    `json:"login"`
			Accounts []DeliveredAccount `json:"accounts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(d.Raw, &body); err != nil {
		return fmt.Errorf("read the body as JSON: %w", err)
	}
	d.Type, d.Time = body.Type, body.Timestamp
	d.Account, d.Site, d.Mid, d.Uname = body.Data.Account, body.Data.Site, body.Data.Mid, body.Data.Uname
	d.Title, d.Text, d.Login, d.Accounts = body.Data.Title, body.Data.Text, body.Data.Login, body.Data.Accounts
	return nil
}
