package client

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// written is a status as a keeper writes it.
func written(tb testing.TB, accounts ...Account) string {
	tb.Helper()
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := out.Encode(Status{Accounts: append([]Account{}, accounts...), Daemon: Daemon{Version: "1", Problems: []string{"a\"}"}}}); err != nil {
		tb.Fatal(err)
	}
	return text.String()
}

// accounts are one in which each field says something, and others in which one does
// not, or none.
func accounts(tb testing.TB) []Account {
	tb.Helper()
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	mid, word := int64(-7), "o\u2028k"
	whole := Account{
		Name: "名", Site: "web", State: "valid", Mid: &mid, Uname: "a<b>&\"\\\x01\x7f\xff🎬", Refreshable: true, PendingConfirm: true, Generation: 9,
		ExpiresAt: &at, CheckedAt: &at, NextCheckAt: &at, RefreshedAt: &at, LastCheck: &word, Detail: "d", BlockedUntil: &at, Failures: 2,
		Next: &Next{Action: "check", At: at}, LoginID: "id", Attention: "look", Tags: []string{"a", "b"}, Schedule: "@every 8h", Paused: true,
		SameSession: []string{"other"}, Host: "h",
	}
	list := []Account{whole, {}, {Tags: []string{}}}
	for i := range reflect.TypeFor[Account]().NumField() {
		a := whole
		if reflect.ValueOf(a).Field(i).IsZero() {
			tb.Errorf("the field %s is new: fill it here, and read it in plain.account", reflect.TypeFor[Account]().Field(i).Name)
		}
		reflect.ValueOf(&a).Elem().Field(i).SetZero()
		list = append(list, a)
	}
	return list
}

// What a keeper writes is read in the short way, and as the decoder reads it.
func TestPlainStatus(t *testing.T) {
	for n := range 3 {
		text := written(t, accounts(t)[:n*n]...)
		var want Status
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := plainStatus(text); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v", text, got, ok)
		}
	}
	for _, a := range accounts(t) {
		text := written(t, a)
		var want Status
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := plainStatus(text); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v", text, got, ok)
		}
	}
}

// FuzzPlainStatus: whatever is read in the short way, the decoder reads the same.
func FuzzPlainStatus(f *testing.F) {
	text := written(f, accounts(f)[:2]...)
	f.Add(text)
	for _, change := range [][2]string{
		{`"failures":2`, `"failures":02`}, {`"failures":2`, `"failures":-0`}, {`"generation":9`, `"generation":-9`}, {`"mid":-7`, `"mid":-`}, {`T05:06`, `T5:06`},
		{`07.089Z`, `07,089Z`}, {`"paused":true`, `"paused": true`}, {`"detail":"d"`, `"detail":"\\u00e4\\q"`}, {`"detail":"d"`, `"detail":null`}, {`{"name"`, `{"new":1,"name"`},
		{`"daemon":{`, `"later":1,"daemon":{`}, {`"detail":"d`, `"detail":"d\x01`}, {`]`, `,]`}, {"}}\n", "},\"later\":{}}\n"}, {"}}\n", "}}"},
	} {
		f.Add(strings.Replace(text, change[0], change[1], 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := plainStatus(text)
		if !ok {
			return
		}
		var want Status
		if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %+v, and by the decoder as %+v, %v", text, got, want, err)
		}
	})
}
