package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

func ids(events []client.Event) []uint64 {
	out := []uint64{}
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

func TestEventList(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		f.push("main", f.Keeper.Store().Newest()) // what the logins left is gone
		first := f.Keeper.Store().Oldest()
		begun := f.Keeper.Store().Newest()
		for i := range 8 { // ids 1 to 8 after that, one a minute, main and other in turn
			f.emit([]string{"main", "other"}[i%2])
			time.Sleep(time.Minute)
		}
		first = max(first, f.Keeper.Store().Oldest())
		at := url.QueryEscape(time.Now().Add(-150 * time.Second).Format(time.RFC3339Nano))
		after := func(n uint64) string { return fmt.Sprintf("?after=%d", begun+n) }
		for _, tc := range []struct {
			query  string
			want   []uint64
			status int
		}{
			{"?limit=2", []uint64{7, 8}, 200},
			{after(2), []uint64{3, 4, 5, 6, 7, 8}, 200},
			{after(2) + "&limit=2", []uint64{3, 4}, 200},
			{after(8), []uint64{}, 200},
			{after(99), nil, 410},
			{fmt.Sprintf("?after=%d&limit=1", first-2), nil, 410},
			{after(0) + "&account=other", []uint64{2, 4, 6, 8}, 200},
			{after(0) + "&type=check.dead,login.scanned&limit=1", []uint64{1}, 200},
			{after(0) + "&type=check.dead", []uint64{}, 200},
			{"?since=150s", []uint64{7, 8}, 200},
			{"?since=" + at, []uint64{7, 8}, 200},
			{"?since=150s&account=main", []uint64{7}, 200},
		} {
			w := do(s, owner, "GET", "/v1/events"+tc.query, "")
			if w.Code != tc.status {
				t.Errorf("%q: %d %s", tc.query, w.Code, w.Body)
				continue
			}
			if tc.status != 200 {
				if p := problemOf(t, w); p.Type != client.ProblemFellOut {
					t.Errorf("%q: %+v", tc.query, p)
				}
				continue
			}
			var list []client.Event
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || !slices.Equal(since(begun, list), tc.want) {
				t.Errorf("%q: %v, %v", tc.query, err, since(begun, list))
			}
		}
		for _, query := range []string{"?after=0&limit=2", fmt.Sprintf("?after=%d&limit=2", first-1)} {
			var list []client.Event
			w := do(s, owner, "GET", "/v1/events"+query, "")
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || !slices.Equal(ids(list), []uint64{first, first + 1}) {
				t.Errorf("%q: %v, %v, the first is %d", query, err, ids(list), first)
			}
		}
	})
}

// since are the ids counted from one on.
func since(begun uint64, events []client.Event) []uint64 {
	list := ids(events)
	for i := range list {
		list[i] -= begun
	}
	return list
}

// Reading begins at the oldest entry that is left, wherever it is, and entries over
// several pages come whole and in order.
func TestBeginning(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		f.push("main", 1)
		oldest, newest := f.Keeper.Store().Oldest(), f.Keeper.Store().Newest()
		for from, want := range map[uint64]uint64{0: oldest - 1, oldest - 1: oldest - 1, oldest + 10: oldest + 10, newest: newest, newest + 100: newest} {
			if got := s.journal.beginning(from); got != want {
				t.Errorf("from %d of %d to %d: %d", from, oldest, newest, got)
			}
		}
		list, err := s.journal.list(requestAs(owner), eventQuery{limit: 2*page + 1})
		if err != nil || len(list) != 2*page+1 || list[len(list)-1].ID != newest || list[0].ID != newest-2*page {
			t.Errorf("%v, %d", err, len(list))
		}
	})
}

// watcher collects a stream.
type watcher struct {
	got  []client.Event
	err  error
	done chan struct{}
	stop context.CancelFunc
}

func watch(t *testing.T, c *client.Client, q client.WatchQuery) *watcher {
	ctx, stop := context.WithCancel(t.Context())
	w := &watcher{done: make(chan struct{}), stop: stop}
	go func() {
		defer close(w.done)
		w.err = c.Watch(ctx, q, func(e client.Event) error { w.got = append(w.got, e); return nil })
	}()
	synctest.Wait()
	return w
}

func (w *watcher) end() []client.Event {
	synctest.Wait()
	w.stop()
	<-w.done
	return w.got
}

func TestStream(t *testing.T) {
	run(t, func(f *fixture) {
		c := inBubble(f.T, f.owned(), owner)
		begun := f.Keeper.Store().Newest()
		emit := func(from, to int) {
			for i := from; i <= to; i++ {
				f.emit([]string{"other", "main"}[i%2])
				time.Sleep(time.Minute)
			}
		}
		emit(1, 10)
		half := time.Now().Add(-150 * time.Second)
		watched := map[string]*watcher{}
		want := map[string][]uint64{
			"live": {11, 12, 13}, "after": {10, 11, 12, 13}, "account": {6, 8, 10, 12}, "no such type": {}, "types": {10, 11, 12, 13}, "since": {9, 10, 11, 12, 13},
		}
		for name, q := range map[string]client.WatchQuery{
			"live":         {After: client.Live},
			"after":        {After: begun + 9},
			"account":      {After: begun + 5, Account: "other"},
			"no such type": {After: begun + 9, Types: []string{client.EventCheckDead}},
			"types":        {After: begun + 9, Types: []string{client.EventCheckDead, client.EventLoginScanned}},
			"since":        {Since: half},
		} {
			watched[name] = watch(f.T, c, q)
		}
		all := watch(f.T, c, client.WatchQuery{})
		emit(11, 13)
		for name, w := range watched {
			if got := since(begun, w.end()); !slices.Equal(got, want[name]) {
				t.Errorf("%s: got %v", name, got)
			}
			if !errors.Is(w.err, context.Canceled) {
				t.Errorf("%s: %v", name, w.err)
			}
		}
		if got := ids(all.end()); uint64(len(got)) != begun+13 || got[0] != 1 || got[len(got)-1] != begun+13 {
			t.Errorf("from the beginning: %v", got)
		}
	})
}

func TestGap(t *testing.T) {
	run(t, func(f *fixture) {
		policy := socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}
		c := inBubble(f.T, f.server(policy, nil), socket.Peer{UID: 5001, Known: true})
		f.push("other", f.Keeper.Store().Newest())
		last := f.emit("main", "main")
		newest, lost := f.Keeper.Store().Newest(), f.Keeper.Store().Oldest()-1
		got := watch(f.T, c, client.WatchQuery{After: 2}).end()
		if len(got) != 3 || got[0].Type != client.EventGap || got[0].ID != lost || !slices.Equal(ids(got[1:]), last) {
			t.Fatalf("got %v", ids(got))
		}
		var st client.Status
		if err := json.Unmarshal(got[0].Data, &st); err != nil || len(st.Accounts) != 1 || st.Accounts[0].Name != "main" {
			t.Errorf("the snapshot: %v %+v", err, st)
		}
		// Going on from the gap's own id meets no second gap.
		if got := watch(f.T, c, client.WatchQuery{After: got[0].ID}).end(); !slices.Equal(ids(got), last) {
			t.Errorf("resumed: %v", ids(got))
		}
		// An id that this journal never gave.
		if got := watch(f.T, c, client.WatchQuery{After: newest + 5000}).end(); len(got) != 1 || got[0].Type != client.EventGap || got[0].ID != newest {
			t.Errorf("from the future: %+v", got)
		}
	})
}

// A reader that does not read holds up nobody, and hears of what it lost.
func TestSlowReaderFallsOut(t *testing.T) {
	run(t, func(f *fixture) {
		c := inBubble(f.T, f.owned(), owner)
		var got []client.Event
		release := make(chan struct{})
		ctx, stop := context.WithCancel(f.T.Context())
		done := make(chan error, 1)
		go func() {
			done <- c.Watch(ctx, client.WatchQuery{}, func(e client.Event) error {
				got = append(got, e)
				if len(got) == 1 {
					<-release
				}
				return nil
			})
		}()
		synctest.Wait()
		f.push("main", f.Keeper.Store().Newest()+5000)
		synctest.Wait()
		close(release)
		synctest.Wait()
		stop()
		<-done
		gap := slices.IndexFunc(got, func(e client.Event) bool { return e.Type == client.EventGap })
		if gap < 0 || got[len(got)-1].ID != f.Keeper.Store().Newest() || got[gap].ID+1 != got[gap+1].ID {
			t.Errorf("gap at %d of %d", gap, len(got))
		}
	})
}

// A stream breaks; with Resume everything arrives once and in order, also what
// came while nobody listened.
func TestResume(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		first, second := inBubble(f.T, s, owner), inBubble(f.T, f.owned(), owner)
		dials := 0
		c := &client.Client{}
		c.Dial = func(ctx context.Context) (conn net.Conn, err error) {
			dials++
			switch dials {
			case 1:
				return first.Dial(ctx)
			case 2:
				return nil, errors.New("nobody there")
			}
			return second.Dial(ctx)
		}
		w := watch(f.T, c, client.WatchQuery{After: client.Live, Resume: true})
		s.shutdown.Do(func() { close(s.ending) }) // ends the first stream before it told anything
		want := f.emit("main", "main")
		time.Sleep(time.Minute)
		want = append(want, f.emit("main")...)
		if got := ids(w.end()); !slices.Equal(got, want) || dials != 3 {
			t.Errorf("got %v over %d connections", got, dials)
		}
		// Without Resume the end is told.
		dials = 0
		w = watch(f.T, c, client.WatchQuery{After: client.Live})
		<-w.done
		if !errors.Is(w.err, client.ErrBroken) || dials != 1 {
			t.Errorf("%v over %d connections", w.err, dials)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		last := f.emit("main")[0]
		ctx, stop := context.WithCancel(f.T.Context())
		time.AfterFunc(40*time.Second, func() { f.emit("other") })
		time.AfterFunc(50*time.Second, stop)
		r := requestAs(owner).WithContext(socket.WithPeer(ctx, owner))
		r.URL.RawQuery = "account=main"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		want := fmt.Sprintf(":\nid: %d\n\n"+": \n\n"+": \n\n"+":\nid: %d\n\n", last, last+1)
		if got := w.Body.String(); got != want {
			t.Errorf("got %q", got)
		}
		if kind := w.Header().Get("Content-Type"); kind != "text/event-stream" {
			t.Error(kind)
		}
	})
}

// An entry as it stands in the stream, and before it the position.
func TestFrame(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		id := f.emit("main")[0]
		ctx, stop := context.WithTimeout(f.T.Context(), time.Second)
		defer stop()
		r := requestAs(owner).WithContext(socket.WithPeer(ctx, owner))
		r.Header.Set("Last-Event-ID", strconv.FormatUint(id-1, 10))
		w := httptest.NewRecorder()
		at, _ := json.Marshal(time.Now().UTC())
		s.Handler().ServeHTTP(w, r)
		want := fmt.Sprintf(":\nid: %d\n\nid: %d\nevent: login.scanned\n"+
			`data: {"id":%d,"time":%s,"type":"login.scanned","account":"main","data":{"interactive":false}}`+"\n\n", id-1, id, id, at)
		if got := w.Body.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func FuzzEventQuery(f *testing.F) {
	for _, seed := range []string{"after=1&limit=2", "since=24h", "since=2026-11-20T01:02:03Z&type=a,b", "limit=-1", "after=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, err := readEventQuery(query)
		if err != nil && !isProblem(err, client.ProblemBadRequest) {
			t.Error(err)
		}
		if err == nil && (q.limit < 1 || q.limit > mostLimit || strings.Contains(fmt.Sprint(q.types), ",")) {
			t.Errorf("%+v", q)
		}
	})
}
