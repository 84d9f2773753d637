package telegram

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/notify"
)

func TestButtons(t *testing.T) {
	c := commanded(t, newServer(), "-1001234")
	long := strings.Repeat("x", maxData)
	for _, tt := range []struct {
		name string
		m    notify.Message
		want string
	}{
		{"one", notify.Message{NeedsLogin: true, Account: "main"},
			`{"inline_keyboard":[[{"text":"New code","callback_data":"login:main"}],[{"text":"Morning","callback_data":"remind:main"}]]}`},
		{"several", notify.Message{NeedsLogin: true, Account: "a", Members: []notify.Member{{Account: "a"}, {Account: long}, {Account: "b"}}},
			`{"inline_keyboard":[[{"text":"New code: a","callback_data":"login:a"}],[{"text":"New code: b","callback_data":"login:b"}],[{"text":"Morning","callback_data":"remind:"}]]}`},
		{"another message", notify.Message{Type: "login.succeeded", Account: "main"}, "null"},
		{"a name that is too long", notify.Message{NeedsLogin: true, Account: long}, `{"inline_keyboard":[[{"text":"Morning","callback_data":"remind:"}]]}`},
	} {
		got, err := json.Marshal(c.buttons(tt.m))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, want %s: %v", tt.name, got, tt.want, err)
		}
	}
	c.commands = false
	if c.buttons(notify.Message{NeedsLogin: true, Account: "main"}) != nil {
		t.Error("a bot that does not listen offers a button")
	}
}
