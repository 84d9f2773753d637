package accountpage

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

func speeches(t *testing.T) []speech {
	t.Helper()
	d, err := newDocuments("")
	if err != nil {
		t.Fatal(err)
	}
	return []speech{d.speech(browser.English), d.speech(browser.Chinese)}
}

func at(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}

// some are accounts of every state, and many more.
func some() []client.Account {
	blocked := client.CheckBlocked
	list := []client.Account{
		{Name: "valid", State: client.StateValid, Refreshable: true, ExpiresAt: at(100 * 24 * time.Hour), Tags: []string{"b"}},
		{Name: "new", State: client.StateNew, Site: "intl"},
		{Name: "blocked", State: client.StateValid, Refreshable: true, LastCheck: &blocked, BlockedUntil: at(time.Hour), Tags: []string{"a"}},
		{Name: "soon", State: client.StateValid, ExpiresAt: at(3*24*time.Hour + time.Minute)},
		{Name: "sooner", State: client.StateValid, ExpiresAt: at(time.Hour)},
		{Name: "later", State: client.StateValid, ExpiresAt: at(40 * 24 * time.Hour)},
		{Name: "dead", State: client.StateNeedsLogin, Uname: "Somebody"},
		{Name: "code", State: client.StateLoggingIn, Tags: []string{"a", "b"}},
	}
	for i := range 112 {
		list = append(list, client.Account{Name: fmt.Sprintf("x%03d", i), State: client.StateValid, Refreshable: true})
	}
	return list
}

func names(l *list) string {
	var out []string
	for _, r := range l.Rows {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestList(t *testing.T) {
	s := speeches(t)[0]
	l := newList(s, rank(some(), time.Now()), filter{})
	if len(l.Rows) != perPage || l.Pages != 3 || l.Total != 120 || l.Previous != "" || l.Next != "?page=2" ||
		!strings.HasPrefix(names(l), "code dead sooner soon blocked new ") || strings.Join(l.Tags, " ") != "a b" {
		t.Errorf("%d rows of %d, %d pages, next %q: %s", len(l.Rows), l.Total, l.Pages, l.Next, names(l))
	}
	if last := newList(s, rank(some(), time.Now()), filter{page: 7}); last.Page != 3 || len(last.Rows) != 20 || last.Next != "" || last.Previous != "?page=2" {
		t.Errorf("page %d, %d rows", last.Page, len(last.Rows))
	}
	for _, tt := range []struct {
		f    filter
		want string
	}{
		{filter{Query: "SOMEB"}, "dead"},
		{filter{Query: "oo"}, "sooner soon"},
		{filter{Tag: "a"}, "code blocked"},
		{filter{Query: "b", Tag: "b"}, "code valid"},
		{filter{State: stateSoon}, "sooner soon"},
		{filter{State: stateNew}, "new"},
		{filter{State: "nonsense"}, ""},
		{filter{Query: "nobody"}, ""},
	} {
		if got := names(newList(s, rank(some(), time.Now()), tt.f)); got != tt.want {
			t.Errorf("%+v: %s", tt.f, got)
		}
	}
	if l := newList(s, rank(some(), time.Now()), filter{Query: "x", State: stateValid, page: 2}); l.Next != "?page=3&q=x&state=valid" {
		t.Errorf("next is %q", l.Next)
	}
	var needy []string
	for _, a := range rank(some(), time.Now()) {
		if a.needy() {
			needy = append(needy, a.Name)
		}
	}
	if strings.Join(needy, " ") != "code dead sooner soon" {
		t.Errorf("%q need a person", needy)
	}
}

// Every state has its word, its sentence and its symbol.
func TestStates(t *testing.T) {
	frame, err := fs.ReadFile(web, "web/frame.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range speeches(t) {
		for _, a := range some()[:8] {
			if text := s.sentence(a); text == "" || strings.Contains(text, "{") {
				t.Errorf("%s: %q", a.Name, text)
			}
		}
		for _, state := range states() {
			if s.T["state_"+state] == "" || !strings.Contains(string(frame), `id="s-`+state+`"`) {
				t.Errorf("%s has no word or no symbol", state)
			}
		}
		for _, action := range []string{"check", "confirm_death", "login_code", "login_poll", "login_collect", "login_verify", "login_give_up",
			"refresh", "refresh_verify", "refresh_confirm", "warn", "new one"} {
			if text := s.next(client.Account{Next: &client.Next{Action: action, At: time.Now().Add(time.Hour)}}); text == "" || strings.Contains(text, "{") {
				t.Errorf("%s: %q", action, text)
			}
		}
	}
}

// Every event is told in words, with whatever it lacks.
func TestEntries(t *testing.T) {
	for _, s := range speeches(t) {
		for _, kind := range client.EventTypes() {
			if kind == client.EventAccountRemoved {
				continue
			}
			data := []byte(`{"detail":"why","reason":"expired","channel":"phone","output":"tool","uname":"somebody","confirmed":true}`)
			if kind == client.EventAccountAttention {
				data = []byte(`{"detail":"why"}`)
			}
			got, ok := s.entryOf(client.Event{Type: kind, Time: time.Now(), Data: data})
			if !ok || got.Text == "" || strings.Contains(got.Text, "{") || got.State == "" {
				t.Errorf("%s: %+v", kind, got)
			}
		}
		if _, ok := s.entryOf(client.Event{Type: "of.tomorrow", Data: []byte("{}")}); ok {
			t.Error("an event that nobody knows is told")
		}
		for _, reason := range []string{client.AttentionExpires, client.AttentionChannel, client.AttentionPostponed, client.AttentionShortLogin, client.AttentionReminder} {
			if text := s.attention(client.AccountAttention{Reason: reason, Channel: "phone", Detail: "why", ExpiresAt: time.Now()}); text == "" || strings.Contains(text, "{") {
				t.Errorf("%s: %q", reason, text)
			}
		}
	}
}

func TestReaders(t *testing.T) {
	s := speeches(t)[0]
	read := func(ago time.Duration, r client.CredentialRead) client.Event {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return client.Event{Type: client.EventCredentialRead, Time: time.Now().Add(-ago), Data: data}
	}
	program, user, uid := "/usr/bin/yt-dlp", "media", uint32(1000)
	got := s.readers([]client.Event{
		read(3*time.Hour, client.CredentialRead{Program: &program, User: &user, UID: &uid, Format: "netscape"}),
		read(2*time.Hour, client.CredentialRead{Remote: "192.0.2.7", Format: "cookiecloud"}),
		read(time.Hour, client.CredentialRead{Program: &program, User: &user, UID: &uid, Format: "netscape", Reads: 9}),
		read(time.Minute, client.CredentialRead{Program: &program, UID: &uid, Denied: true}),
	})
	if len(got) != 2 || got[0].Name != "yt-dlp" || got[0].Who != "media" || got[0].Reads != 11 || got[1].Name != "192.0.2.7" {
		t.Errorf("%+v", got)
	}
}

// Both languages have the same texts with the same holes, and every text that a
// template names is there.
func TestTexts(t *testing.T) {
	s := speeches(t)
	english, chinese := s[0].T, s[1].T
	hole := regexp.MustCompile(`\{\w+\}`)
	for key, text := range english {
		a, b := hole.FindAllString(text, -1), hole.FindAllString(chinese[key], -1)
		slices.Sort(a)
		slices.Sort(b)
		if chinese[key] == "" && !strings.HasSuffix(key, "_1") || !slices.Equal(a, b) && !strings.HasSuffix(key, "_1") {
			t.Errorf("%q: %q, %q", key, text, chinese[key])
		}
	}
	for key := range chinese {
		if english[key] == "" {
			t.Errorf("%q is in Chinese only", key)
		}
	}
	files, err := fs.Glob(web, "web/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := fs.ReadFile(web, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\.T\.(\w+)`).FindAllStringSubmatch(string(data), -1) {
			if english[found[1]] == "" {
				t.Errorf("%s: %q has no text", name, found[1])
			}
		}
	}
}
