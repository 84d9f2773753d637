package accountpage

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// deliveries is the screen of what leaves the keeper by itself.
type deliveries struct {
	Sum               string
	Channels, Outputs []delivery
}

// delivery is a channel or an output, and how it does.
type delivery struct {
	Name, Path, Kind, Place, Account string
	State, Colour, Word              string
	// Trouble is why it fails now, Lines are what is known of it otherwise.
	Trouble string
	Lines   []string
	Tried   *told
}

// told is what came of a button, in the page's words.
type told struct{ Text, Colour string }

func (p *Page) deliveries(w http.ResponseWriter, r *http.Request, v visit) {
	s := p.sheet(r, v, "deliveries")
	s.Title = s.T["deliveries"]
	d := &deliveries{}
	for _, c := range p.Channels().Status() {
		d.Channels = append(d.Channels, p.channel(v.speech, c))
	}
	for _, o := range p.Outputs().Status() {
		d.Outputs = append(d.Outputs, p.output(v.speech, o))
	}
	d.Sum = d.summary(v.speech)
	failing := func(a, b delivery) int {
		rank := func(d delivery) int { return slices.Index([]string{"warn", "soft", "good"}, d.Colour) }
		return cmp.Compare(rank(a), rank(b))
	}
	slices.SortStableFunc(d.Channels, failing)
	slices.SortStableFunc(d.Outputs, failing)
	s.Deliveries = d
	p.documents.render(w, http.StatusOK, "deliveries.html", s)
}

// summary says how many fail, "" where there are none at all.
func (d *deliveries) summary(s speech) string {
	if len(d.Channels)+len(d.Outputs) == 0 {
		return ""
	}
	fail := func(list []delivery) string {
		n := 0
		for _, d := range list {
			if d.Colour == "warn" {
				n++
			}
		}
		return strconv.Itoa(n)
	}
	return s.Fill("deliveries_sum", "c", fail(d.Channels), "of", strconv.Itoa(len(d.Channels)), "o", fail(d.Outputs), "all", strconv.Itoa(len(d.Outputs)))
}

// as sets how a delivery does.
func (d delivery) as(s speech, state, word string) delivery {
	d.State, d.Colour, d.Word = state, colour(state), s.T[word]
	return d
}

// line adds a sentence with a time, where there is one.
func (d *delivery) line(s speech, key string, at *time.Time, pairs ...string) {
	if at != nil && !at.IsZero() {
		d.Lines = append(d.Lines, s.Fill(key, append([]string{"ago", s.Ago(at), "in", s.In(*at)}, pairs...)...))
	}
}

func (p *Page) channel(s speech, c client.Channel) delivery {
	d := delivery{Name: c.Name, Path: url.PathEscape(c.Name), Kind: c.Type, Tried: p.tried.tell(s, "channel "+c.Name, "tried_channel")}
	switch {
	case c.FailingSince != nil:
		d.Trouble = s.Fill("fails_since", "for", s.span(s.now.Sub(*c.FailingSince)), "why", c.LastError)
		d = d.as(s, stateSoon, "fails")
	case c.LastDelivered == nil:
		d = d.as(s, stateNew, "not_used_yet")
		d.Lines = append(d.Lines, s.T["not_used_yet"])
	default:
		d = d.as(s, stateValid, "works")
	}
	d.line(s, "delivered_last", c.LastDelivered)
	if c.FailingSince == nil {
		d.line(s, "failed_last", c.LastFailed, "why", cmp.Or(c.LastError, "–"))
	}
	d.line(s, "again", c.RetryAt)
	if c.FailingSince != nil && c.Fallback != "" {
		d.Lines = append(d.Lines, s.Fill("takes_over", "name", c.Fallback))
	}
	return d
}

func (p *Page) output(s speech, o client.Output) delivery {
	d := delivery{Name: o.Name, Path: url.PathEscape(o.Name), Kind: cmp.Or(o.Format, o.Kind), Place: o.Place, Account: o.Account,
		Tried: p.tried.tell(s, "output "+o.Name, "tried_output")}
	switch o.State {
	case client.OutputOK:
		d = d.as(s, stateValid, "works")
	case client.OutputWaiting:
		d = d.as(s, stateNew, "waits_for_login")
		d.Lines = append(d.Lines, d.Word)
	case client.OutputPending:
		d = d.as(s, stateNew, "not_used_yet")
		d.Lines = append(d.Lines, d.Word)
	default:
		d.Trouble = cmp.Or(o.LastError, o.HookError, s.T["output_fails"])
		d = d.as(s, stateSoon, "fails")
	}
	d.line(s, "written_last", o.LastWritten)
	if d.Trouble == "" {
		d.line(s, "failed_once", o.LastFailed)
	}
	d.line(s, "commands_last", o.HookAt, "exit", strconv.Itoa(o.HookExit))
	d.line(s, "again", o.RetryAt)
	return d
}

// triedFor is for how long it is told what came of a button.
const triedFor = 10 * time.Minute

// trial is what came of a test or a run that was asked for here.
type trial struct {
	at     time.Time
	worked bool
	said   string
}

// tried are the last ones, one for each channel and output.
type tried struct {
	mu sync.Mutex // guards of
	of map[string]trial
}

func (t *tried) note(what string, result trial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]trial{}
	}
	for name, old := range t.of {
		if time.Since(old.at) > triedFor {
			delete(t.of, name)
		}
	}
	t.of[what] = result
}

// tell is what came of the last one, nil where nobody asked lately.
func (t *tried) tell(s speech, what, key string) *told {
	t.mu.Lock()
	result, ok := t.of[what]
	t.mu.Unlock()
	if !ok || time.Since(result.at) > triedFor {
		return nil
	}
	out := &told{Colour: "good"}
	if key += "_worked"; !result.worked {
		key, out.Colour = key[:len(key)-len("worked")]+"failed", "warn"
	}
	out.Text = s.Fill(key, "ago", s.Ago(&result.at))
	if result.said != "" {
		out.Text += s.T["colon"] + result.said
	}
	return out
}
