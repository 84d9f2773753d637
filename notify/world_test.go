package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

var errDead = errors.New("the process has died")

// world is a source, a ledger and services that outlive the pipeline. It can
// kill the process between any two operations: from then on nothing is saved
// and nothing goes out.
type world struct {
	mu        sync.Mutex // guards all below
	messages  []Message
	end       uint64 // the journal's end, entries that hold no message included
	changed   chan struct{}
	ledger    map[string][]byte
	results   map[string][]Result
	delivered map[string][]Message
	saves     int
	reading   func(after uint64) // told of each read
	saveErr   error

	ops, dieAt int
	dead       bool
	kill       context.CancelFunc
}

func newWorld() *world {
	return &world{
		changed: make(chan struct{}), ledger: map[string][]byte{},
		results: map[string][]Result{}, delivered: map[string][]Message{},
	}
}

// op is one operation; it reports whether the process is still alive.
func (w *world) op() bool {
	if w.dead {
		return false
	}
	w.ops++
	if w.ops == w.dieAt {
		w.dead = true
		w.kill()
	}
	return !w.dead
}

// add writes messages to the journal.
func (w *world) add(msgs ...Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range msgs {
		w.end++
		m.Position = w.end
		w.messages = append(w.messages, m)
	}
	w.wake()
}

// pass writes entries that hold no message.
func (w *world) pass(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end += n
	w.wake()
}

func (w *world) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) Pending(_ context.Context, after uint64, limit int) ([]Message, uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.op() {
		return nil, 0, errDead
	}
	if w.reading != nil {
		w.reading(after)
	}
	var out []Message
	for _, m := range w.messages {
		if m.Position > after {
			out = append(out, m)
		}
	}
	if len(out) > limit {
		out = out[:limit]
		return out, out[limit-1].Position, nil
	}
	return out, w.end, nil
}

func (w *world) Load(channel string) (p Progress, found bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.op() {
		return p, false, errDead
	}
	data, found := w.ledger[channel]
	if found {
		err = json.Unmarshal(data, &p)
	}
	return p, found, err
}

func (w *world) Save(channel string, p Progress, results []Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.op() {
		return errDead
	}
	if w.saveErr != nil {
		return w.saveErr
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	w.saves++
	w.ledger[channel] = data
	w.results[channel] = append(w.results[channel], results...)
	if !w.op() { // died right after the commit
		return errDead
	}
	return nil
}

// deliver is a service that takes a message.
func (w *world) deliver(channel string, m Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.op() {
		return errDead
	}
	w.delivered[channel] = append(w.delivered[channel], m)
	if !w.op() { // died with the answer on its way
		return errDead
	}
	return nil
}

func (w *world) got(channel string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.delivered[channel])
}

func (w *world) gotIDs(channel string) []string {
	ids := []string{}
	for _, m := range w.got(channel) {
		ids = append(ids, m.ID)
	}
	return ids
}

// outcomes lists "id outcome attempts" of what has ended, in order.
func (w *world) outcomes(channel string) []string {
	return w.list(channel, func(r Result) (string, bool) {
		return fmt.Sprintf("%s %s %d", r.MessageID, r.Outcome, r.Attempts), r.Outcome != OutcomeFailing
	})
}

// told lists "id attempts" of what told that the channel fails, in order.
func (w *world) told(channel string) []string {
	return w.list(channel, func(r Result) (string, bool) {
		return fmt.Sprintf("%s %d", r.MessageID, r.Attempts), r.Outcome == OutcomeFailing
	})
}

func (w *world) list(channel string, line func(Result) (string, bool)) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []string{}
	for _, r := range w.results[channel] {
		if text, ok := line(r); ok {
			out = append(out, text)
		}
	}
	return out
}

func (w *world) progress(t *testing.T, channel string) (p Progress) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := json.Unmarshal(w.ledger[channel], &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// tries is how often a message was tried, by the ledger.
func (w *world) tries(t *testing.T, channel, id string) int {
	t.Helper()
	p := w.progress(t, channel)
	return p.trial(id).tries()
}

// sendFunc is a channel made of a function.
type sendFunc func(ctx context.Context, m Message) (Receipt, error)

func (f sendFunc) Send(ctx context.Context, m Message) (Receipt, error) { return f(ctx, m) }

// accepting is a channel whose service takes all.
func (w *world) accepting(name string) sendFunc {
	return func(_ context.Context, m Message) (Receipt, error) {
		return Receipt{Answer: "taken"}, w.deliver(name, m)
	}
}

var everything = Route{Events: []string{Any}, Accounts: []string{Any}}

// unlimited is a rate that no test meets.
var unlimited = Rate{Messages: 1 << 20, Per: time.Second}

func (w *world) config(name string, channel Channel) Config {
	return Config{Name: name, Type: "test", Route: everything, Channel: channel, Rate: unlimited}
}

// running is a pipeline in a bubble, without any spread of its retries.
type running struct {
	*Pipeline
	stop func()
}

// start runs a pipeline; channels that are new begin at the journal's end.
func (w *world) start(t *testing.T, configs ...Config) running {
	t.Helper()
	p, err := NewPipeline(w, w, zerolog.Nop(), configs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.workers {
		w.backoff.Draw = func() float64 { return 0.5 }
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
	return running{p, func() { cancel(); <-done }}
}

func message(id, kind, account string) Message {
	return Message{ID: id, Type: kind, Account: account, Time: time.Now(), Title: id}
}

// code is a message with a code that lives three minutes.
func code(id, account string) Message {
	m := message(id, typeCode, account)
	m.Login = &Login{ID: id, URL: secret.New("https://example.com/canary-" + id), ExpiresAt: time.Now().Add(3 * time.Minute)}
	return m
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// after lets time pass and everything that is due happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
