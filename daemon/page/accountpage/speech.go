package accountpage

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

// speech is the words of one language, at one time.
type speech struct {
	Lang, Other string
	T           map[string]string
	now         time.Time
}

// languageCookie keeps what a reader chose.
const languageCookie = "bilikeeper_lang"

// speak chooses the language: the one that the address names, which is kept, else
// the one that was kept, else the browser's.
func (p *Page) speak(w http.ResponseWriter, r *http.Request) speech {
	asked := browser.Spoken(r.URL.Query().Get("lang"))
	if asked != "" {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
			Secure: p.frame.Site.Secure(), SameSite: http.SameSiteStrictMode})
	} else if c, err := r.Cookie(languageCookie); err == nil {
		asked = browser.Spoken(c.Value)
	}
	return p.documents.speech(browser.ChooseLanguage(asked, r.Header.Get("Accept-Language"), p.documents.fallback))
}

func (d *documents) speech(lang string) speech {
	other := browser.Chinese
	if lang == other {
		other = browser.English
	}
	return speech{Lang: lang, Other: other, T: d.texts[lang], now: time.Now()}
}

// Fill puts values into a text: name, value, name, value.
func (s speech) Fill(key string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(s.T[key])
}

// count fills a text with a number; English has a text of its own for one.
func (s speech) count(key string, n int) string {
	if n == 1 && s.T[key+"_1"] != "" {
		key += "_1"
	}
	return s.Fill(key, "n", strconv.Itoa(n))
}

// span is a length of time in its largest unit.
func (s speech) span(d time.Duration) string {
	switch d = d.Abs(); {
	case d < time.Minute:
		return s.count("seconds", int(d/time.Second))
	case d < time.Hour:
		return s.count("minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return s.count("hours", int(d/time.Hour))
	}
	return s.count("days", int(d/(24*time.Hour)))
}

// Ago is when something was, Never where it never was.
func (s speech) Ago(t *time.Time) string {
	switch {
	case t == nil || t.IsZero():
		return s.T["never"]
	case s.now.Sub(*t) < time.Minute:
		return s.T["just_now"]
	}
	return s.Fill("ago", "t", s.span(s.now.Sub(*t)))
}

// In is when something will be.
func (s speech) In(t time.Time) string {
	if t.Sub(s.now) < time.Minute {
		return s.T["at_once"]
	}
	return s.Fill("in", "t", s.span(t.Sub(s.now)))
}

// Exact is a time that can be looked up, by the keeper's clock.
func (s speech) Exact(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// Stamp is a time for programs.
func (s speech) Stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Clock is the time of a day, with its zone: people read it elsewhere than on the
// keeper's machine.
func (s speech) Clock(t time.Time) string { return t.Local().Format("15:04 MST") }

// Day is a day as people call it.
func (s speech) Day(t time.Time) string {
	day := func(t time.Time) string { return t.Local().Format(time.DateOnly) }
	switch day(t) {
	case day(s.now):
		return s.T["today"]
	case day(s.now.AddDate(0, 0, -1)):
		return s.T["yesterday"]
	}
	return s.date(t)
}

func (s speech) date(t time.Time) string { return t.Local().Format(s.T["date_layout"]) }
