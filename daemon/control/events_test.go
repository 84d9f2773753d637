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
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		for i := range 10 { // ids 1 to 10, one a minute, main and other in turn
			f.emit([]string{client.EventCheckOK, client.EventCheckDead}[i%2], []string{"main", "other"}[i%2])
			time.Sleep(time.Minute)
		}
		f.drop(2)
		at := url.QueryEscape(time.Now().Add(-150 * time.Second).Format(time.RFC3339Nano))
		for _, tc := range []struct {
			query  string
			want   []uint64
			status int
		}{
			{"", []uint64{3, 4, 5, 6, 7, 8, 9, 10}, 200},
			{"?limit=2", []uint64{9, 10}, 200},
			{"?after=4", []uint64{5, 6, 7, 8, 9, 10}, 200},
			{"?after=4&limit=2", []uint64{5, 6}, 200},
			{"?after=0&limit=2", []uint64{3, 4}, 200},
			{"?after=2&limit=1", []uint64{3}, 200},
			{"?after=10", []uint64{}, 200},
			{"?after=99", []uint64{}, 200},
			{"?after=1", nil, 410},
			{"?account=other", []uint64{4, 6, 8, 10}, 200},
			{"?type=check.dead,check.blocked&limit=1", []uint64{10}, 200},
			{"?since=150s", []uint64{9, 10}, 200},
			{"?since=" + at, []uint64{9, 10}, 200},
			{"?since=150s&account=main", []uint64{9}, 200},
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
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || !slices.Equal(ids(list), tc.want) {
				t.Errorf("%q: %v, %v", tc.query, err, ids(list))
			}
		}
	})
}

func TestEmptyJournal(t *testing.T) {
	w := do(newFake().server(t, socket.Policy{Owner: testOwner}, nil), owner, "GET", "/v1/events", "")
	if w.Body.String() != "[]\n" {
		t.Errorf("%s", w.Body)
	}
}

// Reading begins at the oldest entry that is left, wherever it is.
func TestBeginning(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	for range 700 {
		f.emit(client.EventCheckOK, "main")
	}
	for dropped := range uint64(700) {
		if got := s.beginning(0); got != dropped {
			t.Fatalf("%d dropped: %d", dropped, got)
		}
		if got := s.beginning(650); got != max(650, dropped) {
			t.Fatalf("%d dropped, from 650: %d", dropped, got)
		}
		f.drop(1)
	}
	// Entries over several pages come whole and in order.
	f = newFake()
	s = f.server(t, socket.Policy{Owner: testOwner}, nil)
	for range 3*page + 5 {
		f.emit(client.EventCheckOK, "main")
	}
	list, err := s.list(requestAs(owner), eventQuery{limit: 2*page + 1})
	if err != nil || len(list) != 2*page+1 || list[len(list)-1].ID != 3*page+5 || list[0].ID != page+5 {
		t.Errorf("%v, %d", err, len(list))
	}
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
	for _, tc := range []struct {
		name  string
		query client.WatchQuery
		want  []uint64
	}{
		{"live", client.WatchQuery{After: client.Live}, []uint64{11, 12, 13}},
		{"after", client.WatchQuery{After: 9}, []uint64{10, 11, 12, 13}},
		{"from the beginning", client.WatchQuery{}, []uint64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}},
		{"account", client.WatchQuery{After: 5, Account: "other"}, []uint64{6, 8, 10, 12}},
		{"types", client.WatchQuery{After: 5, Types: []string{client.EventCheckOK}}, []uint64{7, 9, 11, 13}},
		{"since", client.WatchQuery{Since: time.Date(2000, 1, 1, 0, 8, 0, 0, time.UTC)}, []uint64{9, 10, 11, 12, 13}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				c := inBubble(t, f.server(t, socket.Policy{Owner: testOwner}, nil), owner)
				emit := func(from, to int) {
					for i := from; i <= to; i++ {
						f.emit([]string{client.EventCheckDead, client.EventCheckOK}[i%2], []string{"other", "main"}[i%2])
						time.Sleep(time.Minute)
					}
				}
				emit(1, 10)
				f.drop(2)
				w := watch(t, c, tc.query)
				emit(11, 13)
				if got := ids(w.end()); !slices.Equal(got, tc.want) {
					t.Errorf("got %v", got)
				}
				if !errors.Is(w.err, context.Canceled) {
					t.Error(w.err)
				}
			})
		})
	}
}

func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		policy := socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}
		c := inBubble(t, f.server(t, policy, nil), socket.Peer{UID: 5001, Known: true})
		for range 10 {
			f.emit(client.EventCheckOK, "main")
		}
		f.drop(6)
		got := watch(t, c, client.WatchQuery{After: 2}).end()
		if len(got) != 5 || got[0].Type != client.EventGap || got[0].ID != 6 || !slices.Equal(ids(got[1:]), []uint64{7, 8, 9, 10}) {
			t.Fatalf("got %+v", got)
		}
		var st client.Status
		if err := json.Unmarshal(got[0].Data, &st); err != nil || len(st.Accounts) != 1 || st.Accounts[0].Name != "main" {
			t.Errorf("the snapshot: %v %+v", err, st)
		}
		// Going on from the gap's own id meets no second gap.
		if got := watch(t, c, client.WatchQuery{After: got[0].ID}).end(); !slices.Equal(ids(got), []uint64{7, 8, 9, 10}) {
			t.Errorf("resumed: %v", ids(got))
		}
		// An id that this journal never gave.
		if got := watch(t, c, client.WatchQuery{After: 5000}).end(); len(got) != 1 || got[0].Type != client.EventGap || got[0].ID != 10 {
			t.Errorf("from the future: %+v", got)
		}
	})
}

// A reader that does not read holds up nobody, and hears of what it lost.
func TestSlowReaderFallsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := inBubble(t, f.server(t, socket.Policy{Owner: testOwner}, nil), owner)
		f.emit(client.EventCheckOK, "main")
		var got []client.Event
		release := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
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
		for range 3000 {
			f.emit(client.EventCheckOK, "main")
		}
		f.drop(2900)
		synctest.Wait()
		close(release)
		synctest.Wait()
		stop()
		<-done
		gap := slices.IndexFunc(got, func(e client.Event) bool { return e.Type == client.EventGap })
		if gap < 0 || got[len(got)-1].ID != 3001 || got[gap].ID+1 != got[gap+1].ID {
			t.Errorf("gap at %d, %v", gap, ids(got))
		}
	})
}

// A stream breaks; with Resume everything arrives once and in order, also what
// came while nobody listened.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		first := inBubble(t, s, owner)
		second := inBubble(t, f.server(t, socket.Policy{Owner: testOwner}, nil), owner)
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
		f.emit(client.EventCheckOK, "main")
		w := watch(t, c, client.WatchQuery{After: client.Live, Resume: true})
		s.shutdown.Do(func() { close(s.closing) }) // ends the first stream before it told anything
		f.emit(client.EventCheckOK, "main")
		f.emit(client.EventCheckOK, "main")
		time.Sleep(time.Minute)
		f.emit(client.EventCheckOK, "main")
		if got := ids(w.end()); !slices.Equal(got, []uint64{2, 3, 4}) || dials != 3 {
			t.Errorf("got %v over %d connections", got, dials)
		}
		// Without Resume the end is told.
		dials = 0
		w = watch(t, c, client.WatchQuery{After: client.Live})
		<-w.done
		if !errors.Is(w.err, client.ErrBroken) || dials != 1 {
			t.Errorf("%v over %d connections", w.err, dials)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		f.emit(client.EventCheckOK, "main")
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(40*time.Second, func() { f.emit(client.EventCheckOK, "other") })
		time.AfterFunc(50*time.Second, stop)
		r := requestAs(owner).WithContext(socket.WithPeer(ctx, owner))
		r.URL.RawQuery = "account=main"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		want := ":\nid: 1\n\n" + ": \n\n" + ": \n\n" + ":\nid: 2\n\n"
		if got := w.Body.String(); got != want {
			t.Errorf("got %q", got)
		}
		if kind := w.Header().Get("Content-Type"); kind != "text/event-stream" {
			t.Error(kind)
		}
	})
}

func TestFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		f.change(func() {
			f.newest = 7
			f.events = []client.Event{{ID: 7, Time: time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC),
				Type: client.EventLoginFailed, Account: "main", Data: json.RawMessage("{\n\"reason\": \"expired\"\n}")}}
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		r := requestAs(owner).WithContext(socket.WithPeer(ctx, owner))
		r.Header.Set("Last-Event-ID", "6")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		want := ":\nid: 6\n\nid: 7\nevent: login.failed\n" +
			`data: {"id":7,"time":"2026-11-20T01:02:03Z","type":"login.failed","account":"main","data":{"reason":"expired"}}` + "\n\n"
		if got := w.Body.String(); got != want {
			t.Errorf("got %q", got)
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
