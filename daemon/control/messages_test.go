package control

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

func positions(list client.MessageList) []uint64 {
	var all []uint64
	for _, m := range list.Messages {
		all = append(all, m.Position)
	}
	return all
}

// warn has the keeper tell people of an account, and returns the message's position.
func (f *fixture) warn(account string) uint64 {
	f.T.Helper()
	err := f.Keeper.Store().Tell(store.Of(account, client.AccountAttention{Detail: "something"})...)
	if err != nil {
		f.T.Fatal(err)
	}
	return f.Keeper.Store().Newest()
}

func TestMessagesAreFiltered(t *testing.T) {
	run(t, func(f *fixture) {
		begun := f.Keeper.Store().Newest()
		f.die("other") // and a login begins by itself
		f.await(func() bool { return f.Account("other").LoginID != "" })
		time.Sleep(time.Second)
		f.warn("main")
		f.warn("main")
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{
			{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}},
			{User: "5002", Accounts: []string{"other"}, May: []string{socket.VerbStatus, socket.VerbLogin}},
			{User: "5003", Accounts: []string{"*"}, May: []string{socket.VerbStatus}},
			{User: "5004", Accounts: []string{"main"}, May: []string{socket.VerbLogin}},
		}}, nil)
		newest := f.Keeper.Store().Newest()
		ask := func(uid uint32, query string) (client.MessageList, string) {
			w := do(s, socket.Peer{UID: uid, Known: true}, http.MethodGet, "/v1/messages"+query, "")
			var list client.MessageList
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 || list.Journal == "" {
				t.Fatalf("%d%s: %v, %d %s", uid, query, err, w.Code, w.Body)
			}
			return list, w.Body.String()
		}
		accounts := func(list client.MessageList) string {
			var names []string
			for _, m := range list.Messages {
				names = append(names, m.Account)
			}
			return strings.Join(slices.Compact(names), " ")
		}
		from := "?after=" + strconv.FormatUint(begun, 10)
		for _, tc := range []struct {
			uid      uint32
			query    string
			accounts string
			codes    bool
			upto     uint64
		}{
			{testOwner, from, "other main", true, newest},
			{5001, from, "main", false, newest},
			// What is for others does not end the search.
			{5001, from + "&limit=1", "main", false, newest - 1},
			{5002, from, "other", true, newest},
			{5003, from, "other main", false, newest},
			{testOwner, "?after=" + strconv.FormatUint(newest, 10), "", false, newest},
			{testOwner, "?after=" + strconv.FormatUint(newest+900, 10) + "&wait=60s", "", false, newest}, // not waited for: the journal is another one
		} {
			list, body := ask(tc.uid, tc.query)
			codes := strings.Contains(body, `"url":"https://account.bilibili.com`) || strings.Contains(body, `"login":{`)
			if got := accounts(list); got != tc.accounts || codes != tc.codes || list.Upto != tc.upto {
				t.Errorf("%d%s: of %q, codes %v, up to %d of %d", tc.uid, tc.query, got, codes, list.Upto, newest)
			}
			if tc.accounts == "" && !strings.Contains(body, `"messages":[]`) {
				t.Errorf("%d%s: no empty list: %s", tc.uid, tc.query, body)
			}
		}
		for query, status := range map[string]int{"?limit=0": 400, "?limit=257": 400, "?after=x": 400, "?wait=30s": 400, "?after=0&wait=61s": 400, "?account=main": 400} {
			if w := do(s, owner, http.MethodGet, "/v1/messages"+query, ""); w.Code != status {
				t.Errorf("%s: %d %s", query, w.Code, w.Body)
			}
		}
		if w := do(s, socket.Peer{UID: 5004, Known: true}, http.MethodGet, "/v1/messages", ""); w.Code != http.StatusForbidden {
			t.Errorf("one who may not see the status: %d", w.Code)
		}
	})
}

// A wait ends with the first message that the peer may see, and at its end
// says how far it looked.
func TestMessagesAreWaitedFor(t *testing.T) {
	run(t, func(f *fixture) {
		guest := socket.Peer{UID: 5001, Known: true}
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}, nil)
		c := inBubble(f.T, s, guest)
		last, begun := f.Keeper.Store().Newest(), time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			f.warn("other")
			time.Sleep(10 * time.Second)
			f.warn("main")
			time.Sleep(30 * time.Second)
			f.warn("other")
		}()
		list, err := c.Messages(f.T.Context(), client.MessageQuery{After: last, Wait: time.Minute})
		if took := time.Since(begun); err != nil || !slices.Equal(positions(list), []uint64{last + 2}) || took != 20*time.Second {
			t.Errorf("%v after %s, %v", positions(list), took, err)
		}
		list, err = c.Messages(f.T.Context(), client.MessageQuery{After: last + 2, Limit: 1, Wait: time.Minute})
		if took := time.Since(begun); err != nil || len(list.Messages) != 0 || list.Upto != last+3 || took != 80*time.Second {
			t.Errorf("%+v after %s, %v", list, took, err)
		}
		go func() {
			time.Sleep(time.Second)
			_ = s.Shutdown(context.Background())
		}()
		if _, err := c.Messages(f.T.Context(), client.MessageQuery{After: last + 3, Wait: time.Minute}); err != nil {
			t.Errorf("a shutdown: %v", err)
		}
		if took := time.Since(begun); took != 81*time.Second {
			t.Errorf("a wait outlasts the shutdown: %s", took)
		}
	})
}
