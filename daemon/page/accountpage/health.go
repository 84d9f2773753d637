package accountpage

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Finding is what came of a look at the keeper from outside.
type Finding struct {
	// Group is the heading under which it is listed.
	Group           string
	Subject, Detail string
	// Mend is a command or a line of the configuration, "" where nothing is to be
	// done.
	Mend string
	// Level is one of the Found words.
	Level string
}

// The words of a finding's level.
const (
	FoundOK         = "ok"
	FoundWarning    = "warning"
	FoundWrong      = "wrong"
	FoundNotChecked = "not_checked"
)

const (
	// lookedFor is for how long findings are shown before somebody looks anew.
	lookedFor = time.Minute
	// lookLimit bounds a look.
	lookLimit = 20 * time.Second
)

// examined are the last findings in each language. One look is under way at a time.
type examined struct {
	mu sync.Mutex // guards of, and is held while somebody looks
	of map[string]findings
}

type findings struct {
	at   time.Time
	list []Finding
}

// health is the screen of the keeper itself.
type health struct {
	Sum               string
	Problems          []string
	Findings          []shownFinding
	Fine              []fine
	Facts             []fact
	Sessions          []session
	Looked, CanLook   bool
	wrong, warn, well int
}

// shownFinding is a finding in the page's words.
type shownFinding struct {
	Finding
	State, Colour, Word string
	Wrong               bool
	Sheet               sheet
}

// OfFinding makes a finding ready to be shown.
func (s sheet) OfFinding(f shownFinding) shownFinding {
	f.Sheet = s
	return f
}

// fine is a group of findings that are well.
type fine struct {
	Name, Count string
	Findings    []shownFinding
}

type fact struct{ Name, Text string }

// session is a browser that is signed in.
type session struct {
	ID, Browser, Text string
	Own               bool
}

// healthRoom shows how the keeper does, and who is signed in.
type healthRoom struct{ *Page }

func (p healthRoom) screen(w http.ResponseWriter, r *http.Request, v visit) {
	s := p.sheet(r, v, "health")
	s.Title = s.T["health"]
	h := &health{CanLook: p.Examine != nil}
	status := p.Keeper.Accounts().Status().Daemon
	if found := p.found(r.Context(), v.Lang, lookedFor); found.at.IsZero() {
		// The doctor tells of these as well.
		h.Problems = status.Problems
	} else {
		h.Looked = true
		h.sort(v.speech, found.list)
		h.Sum = v.Fill("health_sum", "w", strconv.Itoa(h.wrong), "n", strconv.Itoa(h.warn), "ok", strconv.Itoa(h.well), "time", v.Clock(found.at))
	}
	h.Facts = p.facts(v, status)
	h.Sessions = p.sessions(v)
	s.Health = h
	p.documents.render(w, http.StatusOK, "health.html", s)
}

// look looks anew.
func (p healthRoom) look(w http.ResponseWriter, r *http.Request, v visit) {
	p.found(r.Context(), v.Lang, 0)
	see(w, v.up+"health")
}

// found are findings that are not older than an age. at is zero where nobody can
// look.
func (p healthRoom) found(ctx context.Context, lang string, age time.Duration) findings {
	if p.Examine == nil {
		return findings{}
	}
	p.examined.mu.Lock()
	defer p.examined.mu.Unlock()
	if old := p.examined.of[lang]; !old.at.IsZero() && time.Since(old.at) < max(age, time.Second) {
		return old
	}
	// Others who wait have use for it, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
	defer cancel()
	fresh := findings{list: p.Examine(ctx, lang), at: time.Now()}
	if p.examined.of == nil {
		p.examined.of = map[string]findings{}
	}
	p.examined.of[lang] = fresh
	return fresh
}

// sort puts what is wrong first, and what is well into its groups.
func (h *health) sort(s speech, list []Finding) {
	for _, f := range list {
		shown := shownFinding{Finding: f, Word: s.T["found_"+f.Level], State: stateValid, Colour: "good"}
		switch f.Level {
		case FoundWrong:
			h.wrong++
			shown.State, shown.Colour, shown.Wrong = stateDead, "bad", true
		case FoundWarning:
			h.warn++
			shown.State, shown.Colour = stateSoon, "warn"
		case FoundNotChecked:
			shown.State, shown.Colour = stateNew, "soft"
		default:
			h.well++
			h.group(shown)
			continue
		}
		h.Findings = append(h.Findings, shown)
	}
	order := []string{stateDead, stateSoon, stateNew}
	slices.SortStableFunc(h.Findings, func(a, b shownFinding) int {
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	})
	for i := range h.Fine {
		h.Fine[i].Count = s.Fill("well", "n", strconv.Itoa(len(h.Fine[i].Findings)))
	}
}

// group lists what is well under its heading.
func (h *health) group(f shownFinding) {
	i := slices.IndexFunc(h.Fine, func(g fine) bool { return g.Name == f.Group })
	if i < 0 {
		i = len(h.Fine)
		h.Fine = append(h.Fine, fine{Name: f.Group})
	}
	h.Fine[i].Findings = append(h.Fine[i].Findings, f)
}

func (p healthRoom) facts(v visit, d client.Daemon) []fact {
	return []fact{{v.T["version"], d.Version}, {v.T["running_for"], v.span(v.now.Sub(d.StartedAt))}, {v.T["vault"], d.Vault.Path}}
}

// sessions lists who is signed in, this browser first.
func (p healthRoom) sessions(v visit) (list []session) {
	own := p.SignIn.Session(v.cookie)
	for _, s := range p.SignIn.Sessions() {
		seen, created := s.SeenAt, s.CreatedAt
		shown := session{ID: s.ID, Browser: cmp.Or(browserName(s.Browser), v.T["some_browser"]), Own: s.ID == own,
			Text: v.Fill("session_text", "address", cmp.Or(s.Address, "–"), "seen", v.Ago(&seen), "since", v.Day(created))}
		if shown.Own {
			list = slices.Insert(list, 0, shown)
		} else {
			list = append(list, shown)
		}
	}
	return list
}

// browserName is what people call a browser, as far as it tells: the program and
// its system.
func browserName(agent string) string {
	first := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	program := first("Edg", "Edge", "OPR/", "Opera", "SamsungBrowser", "Samsung Internet", "MicroMessenger", "WeChat", "QQBrowser", "QQ Browser",
		"Firefox/", "Firefox", "FxiOS", "Firefox", "Chrome/", "Chrome", "CriOS", "Chrome", "Safari/", "Safari")
	system := first("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "macOS", "CrOS", "ChromeOS", "Linux", "Linux")
	if program == "" {
		// What is no browser says what it is at the beginning.
		program, _, _ = strings.Cut(agent, " ")
	}
	if system == "" || program == "" {
		return program
	}
	return program + " · " + system
}

// revoke signs another browser out. It takes nothing from anybody but access, so
// that whoever is signed in may do it.
func (p healthRoom) revoke(w http.ResponseWriter, r *http.Request, v visit) {
	if err := p.SignIn.Revoke(r.PathValue("id")); err != nil {
		if !errors.Is(err, &client.Problem{Type: client.ProblemNotFound}) {
			// It has ended here; the copy in the vault ends with its date.
			p.frame.Log.Error().Err(err).Msg("the end of a session could not be saved")
		}
	}
	see(w, v.up+"health?said=revoked")
}
