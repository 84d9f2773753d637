//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const botToken = "100200300:sample-token_AAbbCC"

// said is a request of the bot.
type said struct {
	method, chat, text, markup string
	photo                      []byte
}

// botAPI speaks the Bot API's protocol as it was recorded: updates stay until a
// larger offset is asked for, one reader at a time.
type botAPI struct {
	mu      sync.Mutex // guards all below
	updates []string   // each with its number in the place of NUMBER
	first   int64
	readers int
	clashes int
	busy    int // how many messages are refused with 429
	said    []said
	arrived chan struct{} // closed when an update comes
}

func newBotAPI(t *testing.T) (*botAPI, string) {
	t.Helper()
	b := &botAPI{first: 880000, arrived: make(chan struct{})}
	server := httptest.NewServer(b)
	quiet(server)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return b, server.URL
}

// write lets an update arrive.
func (b *botAPI) write(update string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	update = strings.NewReplacer("NUMBER", fmt.Sprint(b.first+int64(len(b.updates))), "NOW", fmt.Sprint(time.Now().Unix())).Replace(update)
	b.updates = append(b.updates, update)
	close(b.arrived)
	b.arrived = make(chan struct{})
}

func (b *botAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, own := strings.CutPrefix(r.URL.Path, "/bot"+botToken+"/")
	if !own {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":401,"description":"Unauthorized"}`)
		return
	}
	if method == "getUpdates" {
		b.getUpdates(w, r)
		return
	}
	call := said{method: method}
	if err := r.ParseMultipartForm(1 << 20); err == nil {
		call.chat, call.text, call.markup = r.FormValue("chat_id"), r.FormValue("caption"), r.FormValue("reply_markup")
		if f, _, err := r.FormFile("photo"); err == nil {
			call.photo, _ = io.ReadAll(f)
		}
	} else {
		var m struct {
			Chat   string          `json:"chat_id"`
			Text   string          `json:"text"`
			Markup json.RawMessage `json:"reply_markup"`
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		call.chat, call.text, call.markup = m.Chat, m.Text, string(m.Markup)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy > 0 && strings.HasPrefix(method, "send") {
		b.busy--
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`)
		return
	}
	b.said = append(b.said, call)
	_, _ = fmt.Fprintf(w, `{"ok":true,"result":{"message_id":%d}}`, len(b.said))
}

func (b *botAPI) getUpdates(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Offset, Timeout int64 }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	if b.readers++; b.readers > 1 {
		b.clashes++
	}
	b.mu.Unlock()
	defer func() { b.mu.Lock(); b.readers--; b.mu.Unlock() }()
	over := time.After(time.Duration(asked.Timeout) * time.Second)
	for {
		b.mu.Lock()
		for asked.Offset > b.first && len(b.updates) > 0 {
			b.first, b.updates = b.first+1, b.updates[1:]
		}
		list, arrived := slices.Clone(b.updates), b.arrived
		b.mu.Unlock()
		if len(list) > 0 {
			_, _ = io.WriteString(w, `{"ok":true,"result":[`+list[0]+`]}`)
			return
		}
		select {
		case <-arrived:
		case <-over:
			_, _ = io.WriteString(w, `{"ok":true,"result":[]}`)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// refuse answers the next messages with 429.
func (b *botAPI) refuse(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = n
}

// answers are those of a method to a chat that hold a text, in order.
func (b *botAPI) answers(method, chat, text string) (found []said) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		if s.method == method && s.chat == chat && strings.Contains(s.text, text) {
			found = append(found, s)
		}
	}
	return found
}

// wait waits for the n-th of them, counted from 1.
func (b *botAPI) wait(t *testing.T, method, chat, text string, n int) said {
	t.Helper()
	until(t, fmt.Sprintf("%s to %s with %q, %d times", method, chat, text, n), func() bool { return len(b.answers(method, chat, text)) >= n })
	return b.answers(method, chat, text)[n-1]
}

func asks(chat, text string) string {
	return fmt.Sprintf(`{"update_id":NUMBER,"message":{"message_id":5,"date":NOW,"chat":{"id":%s},"text":%s}}`, chat, strconv.Quote(text))
}

func presses(chat, data string) string {
	return fmt.Sprintf(`{"update_id":NUMBER,"callback_query":{"id":"q1","data":%q,"message":{"message_id":8,"date":1,"chat":{"id":%s}}}}`, data, chat)
}

// Two chats of one bot are answered, each for itself, and nobody else; what was
// answered before a restart is not answered again.
func TestChatCommands(t *testing.T) {
	t.Parallel()
	const own, family, foreign = "-1001", "-1002", "4711"
	b, base := newBotAPI(t)
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.secrets(map[string]string{"bot.token": botToken})
	for name, chat := range map[string]string{"own": own, "family": family} {
		s.append(fmt.Sprintf("[[notify]]\nname = %q\ntype = \"telegram\"\ntoken_file = \"bot.token\"\nurl = %q\nchat = %q\ncommands = true\n"+
			"events = [\"login.required\", \"login.succeeded\"]\n", name, base, chat))
	}
	s.start()
	s.login(mid)
	b.write(asks(foreign, "/status"))
	b.wait(t, "sendMessage", foreign, "another chat only", 1)
	b.refuse(1)
	b.write(asks(own, "/status"))
	b.wait(t, "sendMessage", own, account+" (example): logged in", 1)
	b.write(asks(family, "/check "+account))
	b.wait(t, "sendMessage", family, ": logged in, the site says so", 1)

	s.site.Kill(mid)
	s.cli("check", account)
	button := b.wait(t, "sendMessage", own, "login has died", 1)
	b.wait(t, "sendMessage", family, "login has died", 1)
	for _, want := range []string{`"login:main"`, `"remind:main"`} {
		if !strings.Contains(button.markup, want) {
			t.Errorf("the buttons are %s, without %s", button.markup, want)
		}
	}
	first := decodeQR(t, s.message(client.EventLoginCode, 1).Login.PNG)
	s.cancel()
	b.write(presses(own, "login:"+account)) // the code is dead by now
	photo := b.wait(t, "sendPhoto", own, "Scan this code", 1)
	code := decodeQR(t, photo.photo)
	if code == first {
		t.Error("the button brought the dead code")
	}

	b.write(presses(own, "remind:"+account))
	b.wait(t, "sendMessage", own, "A reminder of main comes here", 1)
	s.stop()
	b.write(asks(own, "/status"))
	s.start()
	b.wait(t, "sendMessage", own, account+" (example): ", 2)
	if n := len(b.answers("sendMessage", own, "A reminder of main comes here")); n != 1 {
		t.Errorf("the reminder was answered %d times", n)
	}
	b.write(asks(own, "/login "+account))
	again := b.wait(t, "sendPhoto", own, "Scan this code", 2)
	if decodeQR(t, again.photo) != code {
		t.Error("after a restart there is another code, though the first one lives")
	}
	s.answer(code, mid)
	b.wait(t, "sendMessage", own, "logged in again", 1)
	b.wait(t, "deleteMessage", own, "", 1)
	if n := len(b.answers("sendPhoto", family, "")); n != 0 {
		t.Errorf("the other chat was sent %d codes that it did not ask for", n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clashes > 0 {
		t.Errorf("%d times there were two readers", b.clashes)
	}
	if strings.Contains(s.log.String(), botToken) {
		t.Error("the token is in the log")
	}
}

// cancel ends the login in progress.
func (s *stage) cancel() {
	s.t.Helper()
	if err := s.client.CancelLogin(s.t.Context(), s.account().LoginID); err != nil {
		s.t.Fatal(err)
	}
}
