package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

type fakeMessages struct{ *fake }

// Read makes a message of each entry; a login.code has a code for those who
// may have it.
func (f fakeMessages) Read(_ context.Context, after uint64, limit int, mayLogin func(string) bool) (client.MessageList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := client.MessageList{Upto: min(after, f.newest), Journal: "journal"}
	for _, e := range f.events {
		if e.ID <= after || len(list.Messages) == limit {
			continue
		}
		m := client.Message{ID: fmt.Sprint("msg_", e.ID), Type: e.Type, Account: e.Account, Position: e.ID}
		if e.Type == client.EventLoginCode && mayLogin(e.Account) {
			m.Login = &client.MessageLogin{ID: "L-" + e.Account, URL: "https://example.net/scan?key=fake"}
		}
		list.Messages = append(list.Messages, m)
		list.Upto = e.ID
	}
	return list, nil
}

func positions(list client.MessageList) []uint64 {
	var all []uint64
	for _, m := range list.Messages {
		all = append(all, m.Position)
	}
	return all
}

func TestMessagesAreFiltered(t *testing.T) {
	f := newFake()
	for _, account := range []string{"other", "main", "other", "other"} {
		f.emit(client.EventLoginRequired, account)
		f.emit(client.EventLoginCode, account)
	}
	f.emit(client.EventAccountAttention, "")
	s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{
		{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}},
		{User: "5002", Accounts: []string{"main"}, May: []string{socket.VerbStatus, socket.VerbLogin}},
		{User: "5003", Accounts: []string{"*"}, May: []string{socket.VerbStatus}},
		{User: "5004", Accounts: []string{"main"}, May: []string{socket.VerbLogin}},
	}}, nil)
	for _, tc := range []struct {
		peer   socket.Peer
		query  string
		status int
		want   []uint64
		codes  int
		upto   uint64
	}{
		{owner, "", 200, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 4, 9},
		{owner, "?after=7&limit=1", 200, []uint64{8}, 1, 8},
		{owner, "?after=9", 200, nil, 0, 9},
		{owner, "?after=900&wait=60s", 200, nil, 0, 9}, // not waited for: the journal is another one
		{socket.Peer{UID: 5001, Known: true}, "", 200, []uint64{3, 4}, 0, 9},
		// What is for others does not end the search.
		{socket.Peer{UID: 5001, Known: true}, "?limit=1", 200, []uint64{3}, 0, 3},
		{socket.Peer{UID: 5001, Known: true}, "?after=4&limit=1", 200, nil, 0, 9},
		{socket.Peer{UID: 5002, Known: true}, "?after=2", 200, []uint64{3, 4}, 1, 9},
		{socket.Peer{UID: 5003, Known: true}, "", 200, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 9},
		{socket.Peer{UID: 5004, Known: true}, "", 403, nil, 0, 0},
		{owner, "?limit=0", 400, nil, 0, 0},
		{owner, "?limit=257", 400, nil, 0, 0},
		{owner, "?after=x", 400, nil, 0, 0},
		{owner, "?wait=30s", 400, nil, 0, 0},
		{owner, "?after=0&wait=61s", 400, nil, 0, 0},
		{owner, "?account=main", 400, nil, 0, 0},
	} {
		w := do(s, tc.peer, http.MethodGet, "/v1/messages"+tc.query, "")
		if w.Code != tc.status {
			t.Errorf("%d%s: status %d, want %d: %s", tc.peer.UID, tc.query, w.Code, tc.status, w.Body)
			continue
		}
		if tc.status != 200 {
			problemOf(t, w)
			continue
		}
		var list client.MessageList
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		codes := strings.Count(w.Body.String(), `"url"`)
		if got := positions(list); !slices.Equal(got, tc.want) || codes != tc.codes || list.Upto != tc.upto || list.Journal != "journal" {
			t.Errorf("%d%s: %v with %d codes up to %d, want %v, %d, %d", tc.peer.UID, tc.query, got, codes, list.Upto, tc.want, tc.codes, tc.upto)
		}
		if tc.want == nil && !strings.Contains(w.Body.String(), `"messages":[]`) {
			t.Errorf("%d%s: no empty list: %s", tc.peer.UID, tc.query, w.Body)
		}
	}
}

// A wait ends with the first message that the peer may see, and at its end
// says how far it looked.
func TestMessagesAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		guest := socket.Peer{UID: 5001, Known: true}
		s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}, nil)
		c := inBubble(t, s, guest)
		begun := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			f.emit(client.EventLoginRequired, "other")
			time.Sleep(10 * time.Second)
			f.emit(client.EventLoginRequired, "main")
			time.Sleep(30 * time.Second)
			f.emit(client.EventLoginRequired, "other")
		}()
		list, err := c.Messages(t.Context(), client.MessageQuery{Wait: time.Minute})
		if took := time.Since(begun); err != nil || !slices.Equal(positions(list), []uint64{2}) || took != 20*time.Second {
			t.Errorf("%v after %s, %v", positions(list), took, err)
		}
		list, err = c.Messages(t.Context(), client.MessageQuery{After: 2, Limit: 1, Wait: time.Minute})
		if took := time.Since(begun); err != nil || len(list.Messages) != 0 || list.Upto != 3 || took != 80*time.Second {
			t.Errorf("%+v after %s, %v", list, took, err)
		}
		go func() {
			time.Sleep(time.Second)
			_ = s.Shutdown(context.Background())
		}()
		if _, err := c.Messages(t.Context(), client.MessageQuery{After: 3, Wait: time.Minute}); err != nil {
			t.Errorf("a shutdown: %v", err)
		}
		if took := time.Since(begun); took != 81*time.Second {
			t.Errorf("a wait outlasts the shutdown: %s", took)
		}
	})
}
