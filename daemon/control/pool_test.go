package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// pool is a keeper with accounts a, b, c and d, of which the first three have
// the tag "pool".
func pool() *fake {
	f := newFake()
	for i, name := range []string{"a", "b", "c", "d"} {
		account := client.Account{Name: name, State: client.StateValid, Generation: 3, Tags: []string{"pool"}}
		if name == "d" {
			account.Tags = []string{"other"}
		}
		f.accounts[name] = account
		f.secrets[name] = holding("of "+name, uint64(3+i))
	}
	return f
}

func (f *fake) set(name, state string) {
	f.change(func() {
		a := f.accounts[name]
		a.State = state
		f.accounts[name] = a
	})
}

const poolPath = "/v1/credential?tag=pool"

// given asks n times and returns which accounts came.
func given(t *testing.T, s *Server, p socket.Peer, target string, n int) string {
	t.Helper()
	var names []string
	for range n {
		w := do(s, p, "GET", target, "")
		name := w.Header().Get(client.HeaderAccount)
		if w.Code != 200 || w.Body.String() != headerOf("of "+name) || !strings.HasPrefix(w.Header().Get("ETag"), `"`+name+":") {
			t.Errorf("%d %q, %v", w.Code, w.Body, w.Header())
		}
		names = append(names, name)
	}
	return strings.Join(names, "")
}

func TestRoundRobin(t *testing.T) {
	f := pool()
	s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{
		{User: "5001", Accounts: []string{"a", "c", "d"}, May: []string{socket.VerbGet}}}}, nil)
	guest := socket.Peer{UID: 5001, Known: true}
	for _, tc := range []struct {
		what string
		do   func()
		peer socket.Peer
		want string
	}{
		{"all by turns", nil, owner, "abcabc"},
		{"another user has turns of his own, among those that he may get", nil, guest, "acac"},
		{"one dies", func() { f.set("b", client.StateNeedsLogin) }, owner, "acac"},
		{"and comes back", func() { f.set("b", client.StateValid) }, owner, "bacbac"},
		{"one comes", func() {
			d := f.accounts["d"]
			d.Tags = []string{"pool"}
			f.change(func() { f.accounts["d"] = d })
		}, owner, "dbac"},
		{"one leaves", func() { f.change(func() { delete(f.accounts, "a") }) }, owner, "dbcdbc"},
	} {
		if tc.do != nil {
			tc.do()
		}
		if got := given(t, s, tc.peer, poolPath, len(tc.want)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, got, tc.want)
		}
	}
	if last := f.log()[len(f.log())-1]; last != fmt.Sprintf("read c header uid=%d", testOwner) {
		t.Errorf("recorded %q", last)
	}
}

func TestRandom(t *testing.T) {
	s := pool().server(t, socket.Policy{Owner: testOwner}, nil)
	got := given(t, s, owner, poolPath+"&strategy=random", 120)
	for _, name := range []string{"a", "b", "c"} {
		// By chance alone, one in some hundred thousand runs has fewer.
		if n := strings.Count(got, name); n < 15 {
			t.Errorf("%s came %d times", name, n)
		}
	}
	if strings.Contains(got, "d") {
		t.Error("an account without the tag came")
	}
}

func TestRoundRobinIsFairAtOnce(t *testing.T) {
	s := pool().server(t, socket.Policy{Owner: testOwner}, nil)
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			w := do(s, owner, "GET", poolPath, "")
			mu.Lock()
			defer mu.Unlock()
			counts[w.Header().Get(client.HeaderAccount)]++
		})
	}
	all.Wait()
	if counts["a"] != 20 || counts["b"] != 20 || counts["c"] != 20 {
		t.Errorf("%v", counts)
	}
}

func TestPoolWithoutALife(t *testing.T) {
	f := pool()
	for _, name := range []string{"a", "b", "c"} {
		f.set(name, client.StateNeedsLogin)
	}
	s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{
		{User: "5001", Accounts: []string{"a", "c"}, May: []string{socket.VerbGet}},
		{User: "5002", Accounts: []string{"d"}, May: []string{socket.VerbGet}}}}, nil)
	w := do(s, owner, "GET", poolPath, "")
	if p := problemOf(t, w); w.Code != http.StatusConflict || p.Type != client.ProblemNeedsLogin ||
		!strings.Contains(p.Detail, "a, b, c") || p.Hint != "run: bilikeeper login a" {
		t.Errorf("%d %+v", w.Code, p)
	}
	w = do(s, socket.Peer{UID: 5001, Known: true}, "GET", poolPath, "")
	if p := problemOf(t, w); !strings.Contains(p.Detail, ": a, c") {
		t.Errorf("one who may not have b is told %q", p.Detail)
	}
	w = do(s, socket.Peer{UID: 5002, Known: true}, "GET", poolPath, "")
	if p := problemOf(t, w); w.Code != http.StatusForbidden || !strings.Contains(p.Detail, `with the tag "pool"`) || strings.Contains(p.Detail, `"a"`) {
		t.Errorf("%d %+v", w.Code, p)
	}
	w = do(s, socket.Peer{UID: 5003, Known: true}, "GET", poolPath, "")
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = do(s, socket.Peer{UID: 5003, Known: true}, "GET", "/v1/credential?tag=invented", "")
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got, want := f.log(), []string{"refused get tag pool uid=5002", "refused get tag pool uid=5003"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q", got)
	}
}

func TestPoolTags(t *testing.T) {
	f := pool()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	for _, step := range []struct {
		have   string
		status int
		etag   string
	}{
		{`"x:1"`, 200, `"a:3"`}, {`"b:4"`, 304, `"b:4"`}, {`"b:3"`, 200, `"c:5"`},
	} {
		w := do(s, owner, "GET", poolPath, "", "If-None-Match", step.have)
		if w.Code != step.status || w.Header().Get("ETag") != step.etag || (w.Body.Len() == 0) != (w.Code == 304) {
			t.Errorf("%s: %d, %s", step.have, w.Code, w.Header().Get("ETag"))
		}
	}
	for range 3 { // looking is no turn
		if w := do(s, owner, "HEAD", poolPath, ""); w.Code != 200 || w.Header().Get("ETag") != `"a:3"` || w.Body.Len() > 0 {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
	if n := len(f.log()); n != 2 {
		t.Errorf("recorded %q", f.log())
	}
}

// The client's view, and the wait until one lives.
func TestWaitForAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pool()
		for _, name := range []string{"a", "b", "c"} {
			f.set(name, client.StateNeedsLogin)
		}
		c := inBubble(t, f.server(t, socket.Policy{Owner: testOwner}, nil), owner)
		began := time.Now()
		_, err := c.AnyCredential(t.Context(), "pool", client.CredentialOptions{Wait: 10 * time.Second})
		if !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		began = time.Now()
		time.AfterFunc(5*time.Second, func() { f.set("b", client.StateValid) })
		got, err := c.AnyCredential(t.Context(), "pool", client.CredentialOptions{Wait: 10 * time.Second, Strategy: client.StrategyRandom})
		if err != nil || got.Account != "b" || got.Generation != 4 || string(got.Body) != headerOf("of b") || time.Since(began) != 5*time.Second {
			t.Errorf("%v, %v after %s", got, err, time.Since(began))
		}
	})
}
