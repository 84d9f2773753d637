package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// server speaks the Bot API as far as a bot that listens needs it.
type server struct {
	mu       sync.Mutex // guards all below
	updates  []string   // not yet confirmed, each with its number
	first    int64      // the number of the first of them
	refusals []string   // what the next getUpdates answer, status and body
	busy     []string   // what the next messages are refused with
	sent     []string   // method and body of all other calls
	offsets  []int64    // of all getUpdates
	polls    int
	arrived  chan struct{} // closed when an update comes
}

func newServer() *server { return &server{first: 100, arrived: make(chan struct{})} }

// write lets an update arrive. NUMBER and NOW in it are filled in.
func (s *server) write(update string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.first + int64(len(s.updates))
	s.updates = append(s.updates, strings.NewReplacer("NUMBER", fmt.Sprint(id), "NOW", fmt.Sprint(time.Now().Unix())).Replace(update))
	close(s.arrived)
	s.arrived = make(chan struct{})
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if method == "getMe" {
		return reply(http.StatusOK, `{"ok":true,"result":{"id":100200300,"is_bot":true,"username":"Keeper_bot"}}`), nil
	}
	if method != "getUpdates" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if method != "answerCallbackQuery" && len(s.busy) > 0 {
			text := s.busy[0]
			s.busy = s.busy[1:]
			return reply(http.StatusTooManyRequests, text), nil
		}
		s.sent = append(s.sent, method+" "+string(body))
		return reply(http.StatusOK, `{"ok":true,"result":{"message_id":1}}`), nil
	}
	var asked struct{ Offset, Timeout int64 }
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	over := time.After(time.Duration(asked.Timeout) * time.Second)
	for waited := false; ; waited = true {
		s.mu.Lock()
		if !waited {
			s.polls, s.offsets = s.polls+1, append(s.offsets, asked.Offset)
		}
		if len(s.refusals) > 0 {
			status, text := 0, s.refusals[0]
			_, _ = fmt.Sscanf(text, "%d", &status)
			s.refusals = s.refusals[1:]
			s.mu.Unlock()
			return reply(status, text[4:]), nil
		}
		for asked.Offset > s.first && len(s.updates) > 0 {
			s.first, s.updates = s.first+1, s.updates[1:]
		}
		arrived := s.arrived
		if len(s.updates) > 0 {
			text := s.updates[0]
			s.mu.Unlock()
			return reply(http.StatusOK, `{"ok":true,"result":[`+text+`]}`), nil
		}
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-over:
			return reply(http.StatusOK, `{"ok":true,"result":[]}`), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// all are the calls so far, beside those for updates.
func (s *server) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// chatter is the keeper's side of a chat.
type chatter struct {
	mu       sync.Mutex // guards all below
	position string
	asked    []notify.Question
	troubles []string
	// code is how long the codes live that /login is answered with; 0 means none.
	code time.Duration
}

func (c *chatter) inbox(channels ...*Channel) notify.Inbox {
	in := notify.Inbox{
		Position: func() (string, error) { c.mu.Lock(); defer c.mu.Unlock(); return c.position, nil },
		Save:     func(p string) error { c.mu.Lock(); defer c.mu.Unlock(); c.position = p; return nil },
		Trouble: func(err error) {
			if err != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.troubles = append(c.troubles, err.Error())
			}
		},
		Foreign: "not here",
	}
	for _, channel := range channels {
		in.Chats = append(in.Chats, notify.Chat{Channel: channel, Answer: func(_ context.Context, q notify.Question) notify.Answer {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.asked = append(c.asked, q)
			a := notify.Answer{Text: "answer to " + q.Verb + "\nand more"}
			if q.Verb == notify.AskLogin && c.code > 0 {
				ends := time.Now().Add(c.code)
				a.Account, a.Login = q.Account, &notify.Login{URL: secret.New("https://site.example/scan"), PNG: []byte("png"), ExpiresAt: ends}
				a.Over = func(ctx context.Context) { attempt.Sleep(ctx, time.Until(ends)) }
			}
			return a
		}})
	}
	return in
}

func listen(t *testing.T, s *server, c *chatter) (stop func()) {
	t.Helper()
	return hear(t, c, commanded(t, s, "-1001234"))
}

// commanded is a channel that answers in a chat.
func commanded(t *testing.T, s *server, chat string) *Channel {
	t.Helper()
	channel, err := New(Config{
		Token: secret.New(token), Chat: chat, Topic: 7, Commands: true, CodeLabel: "New code", MorningLabel: "Morning", HTTP: post.Options{Transport: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

// hear lets the first of some channels read for all of them.
func hear(t *testing.T, c *chatter, channels ...*Channel) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = channels[0].Listen(ctx, c.inbox(channels...)) }()
	return func() { cancel(); <-done }
}

const (
	ours    = `{"update_id":NUMBER,"message":{"message_id":5,"date":NOW,"chat":{"id":-1001234},"text":"%s"}}`
	theirs  = `{"update_id":NUMBER,"message":{"message_id":6,"date":NOW,"chat":{"id":4711},"text":"%s"}}`
	old     = `{"update_id":NUMBER,"message":{"message_id":7,"date":1,"chat":{"id":-1001234},"text":"%s"}}`
	aButton = `{"update_id":NUMBER,"callback_query":{"id":"q1","data":"%s","message":{"message_id":8,"date":1,"chat":{"id":-1001234}}}}`
)

func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		stop := listen(t, s, c)
		for _, text := range []string{"/status", "/login@keeper_bot main", "hello", "/login@other_bot main", "/CHECK main now"} {
			s.write(fmt.Sprintf(ours, text))
			synctest.Wait()
		}
		s.write(fmt.Sprintf(old, "/login main"))
		s.write(fmt.Sprintf(aButton, "login:main"))
		synctest.Wait()
		stop()
		want := []notify.Question{
			{Verb: "status"}, {Verb: "login", Account: "main"}, {Verb: "check", Account: "main"}, {Verb: "login", Account: "main", Pressed: true},
		}
		if fmt.Sprint(c.asked) != fmt.Sprint(want) {
			t.Errorf("asked was %v, want %v", c.asked, want)
		}
		sent := strings.Join(s.sent, "\n")
		for _, text := range []string{`"text":"answer to status\nand more"`, `"message_thread_id":7`, `answerCallbackQuery {"callback_query_id":"q1"}`} {
			if !strings.Contains(sent, text) {
				t.Errorf("%s was not sent: %s", text, sent)
			}
		}
		if !strings.HasPrefix(c.position, "107@") || len(c.troubles) > 0 {
			t.Errorf("read up to %s, want 107; troubles %v", c.position, c.troubles)
		}
	})
}

// Another chat is told once that it is not answered, whatever it writes.
func TestForeignChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		stop := listen(t, s, c)
		for range 3 {
			s.write(fmt.Sprintf(theirs, "/login main"))
			synctest.Wait()
		}
		stop()
		if len(c.asked) != 0 || len(s.sent) != 1 || !strings.Contains(s.sent[0], `"chat_id":"4711","text":"not here"`) {
			t.Errorf("asked was %v, sent %v", c.asked, s.sent)
		}
	})
}

// After a restart nothing is answered a second time, also where the end came
// before the Bot API was told.
func TestListenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		s.write(fmt.Sprintf(ours, "/login one"))
		stop := listen(t, s, c)
		synctest.Wait()
		stop()
		s.write(fmt.Sprintf(ours, "/login two"))
		stop = listen(t, s, c)
		synctest.Wait()
		stop()
		if fmt.Sprint(c.asked) != fmt.Sprint([]notify.Question{{Verb: "login", Account: "one"}, {Verb: "login", Account: "two"}}) {
			t.Errorf("asked was %v", c.asked)
		}
	})
}

// What the service says about coming back is kept, and what is wrong is told.
func TestListenTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		s.refusals = []string{
			`429 {"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":90}}`,
			`409 {"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}`,
		}
		stop := listen(t, s, c)
		defer stop()
		time.Sleep(89 * time.Second)
		synctest.Wait()
		if s.polls != 1 {
			t.Errorf("%d requests within the time that the service asked for", s.polls)
		}
		s.write(fmt.Sprintf(ours, "/status"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(c.asked) != 1 {
			t.Errorf("asked was %v", c.asked)
		}
		if len(c.troubles) != 2 || !strings.Contains(c.troubles[1], "another program reads") {
			t.Errorf("told was %q", c.troubles)
		}
		for _, text := range c.troubles {
			if strings.Contains(text, "invented-token") {
				t.Errorf("the token is in %q", text)
			}
		}
	})
}

// An idle bot asks no more often than the Bot API lets it wait.
func TestIdlePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		stop := listen(t, s, c)
		time.Sleep(time.Hour)
		stop()
		if most := int(time.Hour/pollFor) + 1; s.polls > most {
			t.Errorf("%d requests in an idle hour, at most %d", s.polls, most)
		}
	})
}

// Channels of one bot share its reader, and each chat is answered where it asks.
func TestTwoChats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		first, second := commanded(t, s, "-1001234"), commanded(t, s, "@Family")
		if first.Inbox() != second.Inbox() || strings.Contains(first.Inbox(), "invented") {
			t.Errorf("the inboxes are %q and %q", first.Inbox(), second.Inbox())
		}
		stop := hear(t, c, first, second)
		s.write(`{"update_id":NUMBER,"channel_post":{"message_id":9,"date":NOW,"chat":{"id":-77,"username":"family"},"text":"/status"}}`)
		s.write(fmt.Sprintf(ours, "/check main"))
		s.write(fmt.Sprintf(theirs, "/login main"))
		s.write(strings.Replace(fmt.Sprintf(aButton, "login:main"), "-1001234", "4711", 1))
		synctest.Wait()
		stop()
		if len(s.sent) != 4 || len(c.asked) != 2 {
			t.Fatalf("asked was %v, sent %v", c.asked, s.sent)
		}
		for _, text := range []string{
			`"chat_id":"@Family","message_thread_id":7,"text":"answer to status`, `"chat_id":"-1001234","message_thread_id":7,"text":"answer to check`,
			`"chat_id":"4711","text":"not here"`, `answerCallbackQuery {"callback_query_id":"q1","text":"not here"}`,
		} {
			if !strings.Contains(strings.Join(s.sent, "\n"), text) {
				t.Errorf("%s was not sent: %v", text, s.sent)
			}
		}
	})
}

// An answer that the service has no time for comes when it has; a code brings its
// buttons, and goes when it is over.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{code: 3 * time.Minute}
		s.busy = []string{`{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 20","parameters":{"retry_after":20}}`}
		stop := listen(t, s, c)
		defer stop()
		s.write(fmt.Sprintf(aButton, "login:main"))
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if len(s.all()) != 1 {
			t.Errorf("sent was %v within the time that the service asked for", s.all())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(s.all()) != 2 || !strings.HasPrefix(s.all()[1], "sendPhoto") || !strings.Contains(s.all()[1], `"callback_data":"login:main"`) {
			t.Fatalf("sent was %v", s.all())
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if len(s.all()) != 3 || s.all()[2] != `deleteMessage {"chat_id":"-1001234","message_id":1}` {
			t.Errorf("sent was %v", s.all()[2:])
		}
	})
}

// After a week of silence the Bot API numbers its updates anew.
func TestNumbersOfTomorrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		s.first = 5000
		s.write(fmt.Sprintf(ours, "/status"))
		stop := listen(t, s, c)
		time.Sleep(8 * 24 * time.Hour)
		stop()
		s.first, s.updates = 7, nil
		stop = listen(t, s, c)
		defer stop()
		s.write(fmt.Sprintf(ours, "/check main"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(c.asked) != 2 || s.offsets[1] != 5001 || s.offsets[len(s.offsets)-1] != 8 {
			t.Errorf("asked was %v; the offsets ended with %v", c.asked, s.offsets[len(s.offsets)-3:])
		}
	})
}

// A server that answers at once, with nothing, is not asked without end.
func TestServerThatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(), &chatter{}
		for range 1000 {
			s.refusals = append(s.refusals, `200 {"ok":true,"result":[]}`)
		}
		stop := listen(t, s, c)
		time.Sleep(time.Minute)
		stop()
		if s.polls > 61 || len(c.troubles) > 0 {
			t.Errorf("%d requests in a minute; troubles %v", s.polls, c.troubles)
		}
	})
}
