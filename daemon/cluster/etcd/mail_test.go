//go:build etcd

package etcd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
)

// pair are two hosts, of which b answers.
func pair(t *testing.T) (f *fleet, a, b *host) {
	t.Helper()
	f = newFleet(t, 1, 0)
	a, b = f.start("a"), f.start("b")
	for _, h := range f.hosts {
		until(t, "both are there", 20*time.Second, func() bool { return h.Trouble() == nil && len(h.Hosts()) == 2 })
	}
	return f, a, b
}

func begun(err error) bool {
	var why *cluster.AskError
	return errors.As(err, &why) && why.Begun
}

func TestAsk(t *testing.T) {
	f, a, b := pair(t)
	if _, err := a.Ask(t.Context(), "b", []byte("early")); !errors.Is(err, cluster.ErrRefused) || !strings.Contains(err.Error(), "answers no requests yet") {
		t.Errorf("a host that does not serve: %v", err)
	}
	serve := func(_ context.Context, from string, request []byte) ([]byte, error) {
		switch string(request) {
		case "error":
			return nil, errors.New("there is no such account")
		case "panic":
			panic("secret")
		case "large":
			return make([]byte, MaxMessage+1), nil
		}
		return append([]byte(from+" asked "), request...), nil
	}
	a.Serve(serve)
	b.Serve(serve)
	for _, host := range []string{"a", "b"} {
		got, err := a.Ask(t.Context(), host, []byte("for something"))
		if err != nil || string(got) != "a asked for something" {
			t.Errorf("%s answered %q, %v", host, got, err)
		}
	}
	got, err := a.Ask(t.Context(), "b", nil)
	if err != nil || string(got) != "a asked " {
		t.Errorf("an empty request: %q, %v", got, err)
	}
	whole := bytes.Repeat([]byte{7}, MaxMessage-len("a asked "))
	if got, err := a.Ask(t.Context(), "b", whole); err != nil || len(got) != MaxMessage {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	for _, tt := range []struct {
		host, request string
		is            error
		text          string
		begun         bool
	}{
		{"b", "error", cluster.ErrRefused, "host b: the host answered: there is no such account (", true},
		{"b", "panic", cluster.ErrRefused, "host b: the host answered: the request failed", true},
		{"b", "large", cluster.ErrTooLarge, "host b: the answer is larger than", true},
		{"b", strings.Repeat("x", MaxMessage+1), cluster.ErrTooLarge, "host b: larger than", false},
		{"c", "x", cluster.ErrUnknownHost, "host c: no host of that name", false},
	} {
		_, err := a.Ask(t.Context(), tt.host, []byte(tt.request))
		if !errors.Is(err, tt.is) || !strings.HasPrefix(err.Error(), tt.text) || begun(err) != tt.begun || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.20s: %v", tt.request, err)
		}
	}
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if got, err := a.Ask(t.Context(), "b", []byte("x")); err != nil || string(got) != "a asked x" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	took := time.Now()
	all.Wait()
	t.Logf("200 requests at once took %v", time.Since(took))
	took = time.Now()
	if _, err := a.Ask(t.Context(), "b", nil); err != nil {
		t.Error(err)
	}
	t.Logf("one request took %v", time.Since(took))
	client := f.etcd.Client(t)
	until(t, "nothing is left", 10*time.Second, func() bool { return len(get(t, client, a.keys.prefix+"/mail/")) == 0 })
}

// Who waits for a host that goes is told at once, and a host is told that nobody waits.
func TestAskGone(t *testing.T) {
	f, a, b := pair(t)
	started, ended := make(chan struct{}, 8), make(chan error, 8)
	serve := func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	b.Serve(serve)
	ask := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := a.Ask(ctx, "b", nil)
			done <- err
		}()
		return done
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := ask(ctx)
	<-started
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !begun(err) {
		t.Errorf("given up: %v", err)
	}
	if err := within(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the host went on: %v", err)
	}

	ctx, cancel = context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	done = ask(ctx)
	<-started
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	if err := within(t, ended); err == nil {
		t.Error("the host went on past the deadline")
	}

	done = ask(t.Context())
	<-started
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := within(t, done); !errors.Is(err, cluster.ErrHostGone) || !begun(err) {
		t.Errorf("a host that left: %v", err)
	}
	within(t, ended)
	if _, err := a.Ask(t.Context(), "b", nil); !errors.Is(err, cluster.ErrUnknownHost) || begun(err) {
		t.Errorf("a host that has left: %v", err)
	}

	f.run(b)
	b.Serve(serve)
	until(t, "it is back", 20*time.Second, func() bool { return len(a.Hosts()) == 2 })
	done = ask(t.Context())
	<-started
	b.proxy.Cut()
	if err := within(t, done); !errors.Is(err, cluster.ErrHostGone) || !begun(err) {
		t.Errorf("a host that was cut off: %v", err)
	}
	within(t, ended)
	b.proxy.Heal()

	until(t, "it is back", 30*time.Second, func() bool { return len(a.Hosts()) == 2 && b.Trouble() == nil })
	done = ask(t.Context())
	<-started
	a.proxy.Cut() // the asker is gone
	if err := within(t, done); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("an asker without a part: %v", err)
	}
	within(t, ended)
	if _, err := a.Ask(t.Context(), "b", nil); !errors.Is(err, cluster.ErrUnavailable) || begun(err) {
		t.Errorf("an asker without a part: %v", err)
	}
}

func within(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(quick + 5*time.Second):
		t.Fatal("nobody was told")
		return nil
	}
}

// A request that somebody puts back is not carried out again, and one that was moved or
// made up never.
func TestMailReplayed(t *testing.T) {
	f, a, b := pair(t)
	var mu sync.Mutex
	carried := 0
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return carried
	}
	b.Serve(func(context.Context, string, []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		carried++
		return []byte("done"), nil
	})
	client := f.etcd.Client(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := client.Watch(ctx, a.keys.mail("b"), clientv3.WithPrefix())
	if got, err := a.Ask(ctx, "b", []byte("the contents")); err != nil || string(got) != "done" {
		t.Fatal(string(got), err)
	}
	var key string
	var values []string
	for len(values) < 2 {
		for _, event := range (<-seen).Events {
			if event.Type == clientv3.EventTypePut {
				key, values = string(event.Kv.Key), append(values, string(event.Kv.Value))
			}
		}
	}
	until(t, "nothing is left", 10*time.Second, func() bool { return len(get(t, client, a.keys.prefix+"/mail/")) == 0 })
	for _, value := range values {
		if strings.Contains(value, "contents") || strings.Contains(value, "stage") {
			t.Error("a request can be read")
		}
	}
	for _, at := range []string{key, a.keys.request("b", newID()), a.keys.request("a", newID()), a.keys.answer("a", newID())} {
		for _, value := range append(values, "junk", "", strings.Repeat("junk", 100)) {
			if _, err := client.Put(ctx, at, value); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Put(ctx, at, values[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.Ask(ctx, "b", nil); err != nil || string(got) != "done" {
		t.Errorf("after that: %q, %v", got, err)
	}
	time.Sleep(time.Second)
	if n := count(); n != 2 {
		t.Errorf("two requests were carried out %d times", n)
	}
}

// Whatever is lost or late between two hosts, a request is carried out once at most, and
// never begun after its deadline; one that is said not to have been begun never was.
func TestAskUnderFaults(t *testing.T) {
	_, a, b := pair(t)
	var mu sync.Mutex
	// What counts is until when the host thinks it may: between that and what it does
	// any process may be held up.
	times := map[uint64][]time.Time{}
	serve := func(ctx context.Context, _ string, request []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		id := binary.BigEndian.Uint64(request)
		deadline, _ := ctx.Deadline()
		times[id] = append(times[id], deadline)
		return request, nil
	}
	b.Serve(serve)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	type result struct {
		deadline time.Time
		err      error
	}
	results, asked := map[uint64]result{}, uint64(0)
	var all sync.WaitGroup
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		for range 5 {
			asked++
			id, patience := asked, time.Duration(100+rnd.IntN(1500))*time.Millisecond
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				deadline, _ := ctx.Deadline()
				_, err := a.Ask(ctx, "b", binary.BigEndian.AppendUint64(nil, id))
				mu.Lock()
				defer mu.Unlock()
				results[id] = result{deadline, err}
			})
		}
		p := []*host{a, b}[rnd.IntN(2)].proxy
		switch rnd.IntN(6) {
		case 0:
			p.Cut()
		case 1:
			p.DropAnswers()
		case 2:
			p.Delay(time.Duration(rnd.IntN(400)) * time.Millisecond)
		default:
			for _, h := range []*host{a, b} {
				h.proxy.Heal()
				h.proxy.Delay(0)
			}
		}
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
	}
	all.Wait()
	for _, h := range []*host{a, b} {
		h.proxy.Heal()
		h.proxy.Delay(0)
	}
	time.Sleep(3 * time.Second) // what waited on the way arrives
	mu.Lock()
	defer mu.Unlock()
	answered, carried, unsure := 0, 0, 0
	for id, r := range results {
		n := len(times[id])
		switch {
		case n > 1:
			t.Errorf("request %d was carried out %d times", id, n)
		case n == 1 && times[id][0].After(r.deadline):
			t.Errorf("request %d might be carried out %v after its deadline", id, times[id][0].Sub(r.deadline))
		case n == 0 && r.err == nil:
			t.Errorf("request %d was answered and not carried out", id)
		case n == 1 && r.err != nil && !begun(r.err):
			t.Errorf("request %d was carried out: %v", id, r.err)
		}
		carried += n
		if r.err == nil {
			answered++
		} else if begun(r.err) {
			unsure++
		}
	}
	t.Logf("%d requests, %d carried out, %d answered, %d of which nobody knows", asked, carried, answered, unsure)
	if answered == 0 || uint64(answered) == asked {
		t.Error("the faults had no effect, or nothing else had")
	}
}
