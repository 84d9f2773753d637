package control

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// filled is an account whose every field says something.
func filled(t *testing.T) client.Account {
	t.Helper()
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	mid, word := int64(-7), "o\u2028k"
	a := client.Account{
		Name: "名", Site: "web", State: "valid", Mid: &mid, Uname: "a<b>&\"\\\x01\x7f\xff🎬", Refreshable: true, PendingConfirm: true, Generation: 9,
		ExpiresAt: &at, CheckedAt: &at, NextCheckAt: &at, RefreshedAt: &at, LastCheck: &word, Detail: "d", BlockedUntil: &at, Failures: 2,
		Next: &client.Next{Action: "check", At: at}, LoginID: "id", Attention: "look", Tags: []string{"a", "b"}, Schedule: "@every 8h", Paused: true,
		SameSession: []string{"other"}, Host: "berlin",
	}
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the field %s is new: fill it here, and write it in appendAccount", v.Type().Field(i).Name)
		}
	}
	return a
}

// TestAccountsAreWrittenAsTheEncoderWould compares the two, with each field empty once.
func TestAccountsAreWrittenAsTheEncoderWould(t *testing.T) {
	list := []client.Account{filled(t), {}, {Tags: []string{}}}
	for i := range reflect.TypeFor[client.Account]().NumField() {
		a := filled(t)
		reflect.ValueOf(&a).Elem().Field(i).SetZero()
		list = append(list, a)
	}
	for _, a := range list {
		want, err := plainJSON(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendAccount(nil, a); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A document is the same whether it goes out in one piece or in many.
func TestDocument(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		w := httptest.NewRecorder()
		out := document{to: w}
		list := slices.Repeat([]client.Account{filled(t)}, n)
		out.accounts(slices.Values(list))
		out.add(`,"daemon":`)
		if err := out.end(client.Daemon{Version: "1"}); err != nil {
			t.Fatal(err)
		}
		var got client.Status
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Accounts) != n || got.Daemon.Version != "1" {
			t.Errorf("%d accounts come out as %d, %v", n, len(got.Accounts), err)
		}
		if length, small := w.Header().Get("Content-Length"), n < 1000; small != (length == fmt.Sprint(w.Body.Len())) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d accounts: length %q of %d, %s", n, length, w.Body.Len(), w.Header().Get("Content-Type"))
		}
	}
}
