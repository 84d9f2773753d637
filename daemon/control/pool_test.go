package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

const poolPath = "/v1/credential?tag=pool"

// pool runs a test with accounts a, b, c and d, of which the first three have the tag
// "pool".
func pool(t *testing.T, test func(f *fixture)) {
	t.Helper()
	run(t, func(f *fixture) {
		for i, name := range []string{"a", "b", "c", "d"} {
			f.Site.AddUser(poolUser(name), fmt.Sprint("pool", i))
			f.Login(name, poolUser(name))
			f.label(name, "pool")
		}
		f.label("d", "elsewhere")
		test(f)
	})
}

// poolUser is the user of an account of the pool.
func poolUser(account string) int64 { return 700800900 + int64(account[0]) }

func (f *fixture) label(name string, tags ...string) {
	f.T.Helper()
	if _, err := f.Keeper.Accounts().Patch(f.T.Context(), name, client.AccountPatch{Tags: &tags}); err != nil {
		f.T.Fatal(err)
	}
}

// end lets the sessions of accounts of the pool die.
func (f *fixture) end(names ...string) {
	f.T.Helper()
	for _, name := range names {
		f.Site.Kill(poolUser(name))
		if _, err := f.Keeper.Accounts().Check(f.T.Context(), name, true); err != nil {
			f.T.Fatal(err)
		}
	}
}

// given asks n times and returns which accounts came.
func (f *fixture) given(s *Server, p socket.Peer, target string, n int) string {
	f.T.Helper()
	var names []string
	for range n {
		w := do(s, p, "GET", target, "")
		name := w.Header().Get(client.HeaderAccount)
		if w.Code != 200 || w.Body.String() != f.header(name) || !strings.HasPrefix(w.Header().Get("ETag"), `"`+name+":") {
			f.T.Errorf("%d %q, %v", w.Code, w.Body, w.Header())
		}
		names = append(names, name)
	}
	return strings.Join(names, "")
}

func TestRoundRobin(t *testing.T) {
	pool(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{
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
			{"one dies", func() { f.end("b") }, owner, "acac"},
			{"and comes back", func() { f.Login("b", poolUser("b")) }, owner, "bacbac"},
			{"one comes", func() { f.label("d", "pool") }, owner, "dbac"},
			{"one leaves", func() { f.label("a", "elsewhere") }, owner, "dbcdbc"},
		} {
			if tc.do != nil {
				tc.do()
			}
			if got := f.given(s, tc.peer, poolPath, len(tc.want)); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.what, got, tc.want)
			}
		}
	})
}

func TestRandom(t *testing.T) {
	pool(t, func(f *fixture) {
		got := f.given(f.owned(), owner, poolPath+"&strategy=random", 120)
		for _, name := range []string{"a", "b", "c"} {
			// By chance alone, one in some hundred thousand runs has fewer.
			if n := strings.Count(got, name); n < 15 {
				t.Errorf("%s came %d times", name, n)
			}
		}
		if strings.Contains(got, "d") {
			t.Error("an account without the tag came")
		}
	})
}

func TestRoundRobinIsFairAtOnce(t *testing.T) {
	pool(t, func(f *fixture) {
		s := f.owned()
		came := make(chan string)
		for range 60 {
			go func() { came <- do(s, owner, "GET", poolPath, "").Header().Get(client.HeaderAccount) }()
		}
		counts := map[string]int{}
		for range 60 {
			counts[<-came]++
		}
		if counts["a"] != 20 || counts["b"] != 20 || counts["c"] != 20 {
			t.Errorf("%v", counts)
		}
	})
}

func TestPoolWithoutALife(t *testing.T) {
	pool(t, func(f *fixture) {
		f.end("a", "b", "c")
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{
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
		if got, want := f.readings(), []string{"refused get tag pool uid=5002", "refused get tag pool uid=5003"}; !slices.Equal(got, want) {
			t.Errorf("recorded %q", got)
		}
	})
}

func TestPoolTags(t *testing.T) {
	pool(t, func(f *fixture) {
		s := f.owned()
		tag := func(name string) string { return fmt.Sprintf(`"%s:%d"`, name, f.generation(name)) }
		for _, step := range []struct {
			have   string
			status int
			etag   string
		}{
			{`"x:1"`, 200, tag("a")}, {tag("b"), 304, tag("b")}, {`"c:900"`, 200, tag("c")},
		} {
			w := do(s, owner, "GET", poolPath, "", "If-None-Match", step.have)
			if w.Code != step.status || w.Header().Get("ETag") != step.etag || (w.Body.Len() == 0) != (w.Code == 304) {
				t.Errorf("%s: %d, %s", step.have, w.Code, w.Header().Get("ETag"))
			}
		}
		for range 3 { // looking is no turn
			if w := do(s, owner, "HEAD", poolPath, ""); w.Code != 200 || w.Header().Get("ETag") != tag("a") || w.Body.Len() > 0 {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		}
		if a, b, c := f.reads("a"), f.reads("b"), f.reads("c"); a != 1 || b != 0 || c != 1 {
			t.Errorf("%d, %d and %d readings", a, b, c)
		}
	})
}

// The client's view, and the wait until one lives.
func TestWaitForAny(t *testing.T) {
	pool(t, func(f *fixture) {
		f.end("a", "b", "c")
		c := inBubble(f.T, f.owned(), owner)
		began := time.Now()
		_, err := c.AnyCredential(f.T.Context(), "pool", client.CredentialOptions{Wait: 10 * time.Second})
		if !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		lives := f.when(func() bool { return f.alive("b") })
		defer f.later(5*time.Second, func() { f.Login("b", poolUser("b")) })()
		got, err := c.AnyCredential(f.T.Context(), "pool", client.CredentialOptions{Wait: 5 * time.Minute, Strategy: client.StrategyRandom})
		if err != nil || got.Account != "b" || got.Generation != f.generation("b") || string(got.Body) != f.header("b") || !time.Now().Equal(<-lives) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
