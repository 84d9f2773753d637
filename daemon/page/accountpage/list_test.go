package accountpage

import (
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
	blocked, away := client.CheckBlocked, client.CheckUnreachable
	list := []client.Account{
		{Name: "valid", State: client.StateValid, Refreshable: true, ExpiresAt: at(100 * 24 * time.Hour), Tags: []string{"b"}},
		{Name: "new", State: client.StateNew, Site: "intl"},
		{Name: "blocked", State: client.StateValid, Refreshable: true, LastCheck: &blocked, BlockedUntil: at(time.Hour), Tags: []string{"a"}},
		{Name: "soon", State: client.StateValid, ExpiresAt: at(3*24*time.Hour + time.Minute)},
		{Name: "sooner", State: client.StateValid, ExpiresAt: at(time.Hour)},
		{Name: "later", State: client.StateValid, ExpiresAt: at(40 * 24 * time.Hour)},
		{Name: "dead", State: client.StateNeedsLogin, Uname: "Somebody"},
		{Name: "code", State: client.StateLoggingIn, Tags: []string{"a", "b"}},
		{Name: "paused", State: client.StateValid, Refreshable: true, Paused: true, ExpiresAt: at(9 * 24 * time.Hour), CheckedAt: at(-time.Hour)},
		{Name: "unreachable", State: client.StateValid, Refreshable: true, LastCheck: &away, CheckedAt: at(-2 * time.Hour)},
	}
	for i := range 110 {
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
		!strings.HasPrefix(names(l), "code dead sooner soon blocked unreachable new paused ") || strings.Join(l.Tags, " ") != "a b" {
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
		{filter{State: statePaused}, "paused"},
		{filter{Query: "e", State: stateAway}, "unreachable"},
		{filter{Tag: "b", Sort: "name"}, "code valid"},
		{filter{Query: "o", Sort: "left"}, "sooner soon code dead blocked"},
		{filter{Query: "e", Sort: "checked"}, "unreachable paused code dead sooner blocked new later"},
		{filter{State: "nonsense"}, ""},
		{filter{Query: "nobody"}, ""},
	} {
		if got := names(newList(s, rank(some(), time.Now()), tt.f)); got != tt.want {
			t.Errorf("%+v: %s", tt.f, got)
		}
	}
	if l := newList(s, rank(some(), time.Now()), filter{Query: "x", State: stateValid, Sort: "name", page: 2}); l.Next != "?page=3&q=x&sort=name&state=valid" {
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
		for _, a := range some()[:10] {
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
	tool := func(n uint64) client.HistoryReads {
		return client.HistoryReads{Program: "yt-dlp", User: "media", Format: "netscape", Reads: n}
	}
	days := []client.HistoryDay{
		{Date: "2026-03-01", Reads: []client.HistoryReads{tool(1), {Remote: "192.0.2.7", Format: "cookiecloud", Reads: 4}, {Reads: 1}}},
		{Date: "2026-03-02"},
		{Date: "2026-03-03", Reads: []client.HistoryReads{tool(10)}},
	}
	got := readersOf(s, days)
	if len(got) != 3 || got[0].Name != "yt-dlp" || got[0].Who != "media" || got[0].Reads != 11 || got[1].Name != "192.0.2.7" || got[2].Name != "others" {
		t.Errorf("%+v", got)
	}
	plot := newPlot(s, days)
	if plot == nil || plot.Most != "most: 10" || plot.Bars != "M0 72h6v-42.0h-6zM16 72h6v-70.0h-6z" {
		t.Errorf("%+v", plot)
	}
	if newPlot(s, days[1:2]) != nil {
		t.Error("a plot of nothing")
	}
}

// A strip says the same as a drawing, in words and to the script.
func TestStrip(t *testing.T) {
	var days []client.HistoryDay
	for i := range 6 {
		days = append(days, client.HistoryDay{Date: time.Now().AddDate(0, 0, i-5).Format(time.DateOnly), OK: 3})
	}
	days[0] = client.HistoryDay{Date: days[0].Date}
	days[2].Unanswered = 1
	days[3].Dead, days[3].LoggedIn, days[3].Refreshed = true, 1, 1
	days[5].Refreshed = 2
	for _, s := range speeches(t) {
		got := newStrip(s, days)
		want := []mark{{"o", "M3 14h3M12 14h6"}, {"t", "M6 11.5h3"}, {"d", "M9 9h3"}, {"n", "M0 17h3"}, {"r", "M15 21.5h3"}, {"l", "M9 23h3"}}
		if !slices.Equal(got.Marks, want) || got.Days != "jadiab" || got.Width != 18 {
			t.Errorf("%+v", got)
		}
		if m := newMonths(s, days); len(m.Told) != 3 || m.Told[0].Name != s.T["today"] || m.Told[2].Text != s.T["day_trouble"] || !strings.Contains(m.Told[1].Text, s.T["day_logged_in"]) {
			t.Errorf("%+v", m.Told)
		}
		if strings.ContainsAny(got.Label, "{}") || !strings.Contains(got.Label, "3") {
			t.Errorf("%q", got.Label)
		}
	}
	calm := newStrip(speeches(t)[0], slices.Repeat(days[4:5], stripDays))
	if calm.Days != "a90" || len(calm.Marks) != 1 {
		t.Errorf("%+v", calm)
	}
	if m := newMonths(speeches(t)[0], slices.Repeat(days[4:5], stripDays)); len(m.Parts) != 3 || !m.Parts[2].Last || len(m.Told) != 0 {
		t.Errorf("%+v", m)
	}
}

// What can wait is folded where there is too much.
func TestFold(t *testing.T) {
	thing := func(hot bool) need { return need{Hot: hot} }
	for _, tt := range []struct{ hot, rest, shown, folded int }{{2, 4, 2, 4}, {0, 9, 4, 5}, {7, 0, 7, 0}} {
		n := needs{}
		for range tt.hot {
			n.Shown = append(n.Shown, thing(true))
		}
		for range tt.rest {
			n.Shown = append(n.Shown, thing(false))
		}
		if n.fold(); len(n.Shown) != tt.shown || len(n.Folded) != tt.folded {
			t.Errorf("%+v: %d and %d", tt, len(n.Shown), len(n.Folded))
		}
	}
}

func TestBrowserName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari · iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36":                            "Chrome · Android",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0":                                                        "Firefox · Windows",
		"curl/8.5.0": "curl/8.5.0", "": "",
	} {
		if got := browserName(agent); got != want {
			t.Errorf("%q: %q", agent, got)
		}
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
