package accountpage

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// deliveries is the screen of what leaves the keeper by itself.
type deliveries struct{ Channels, Outputs []delivery }

// delivery is a channel or an output, and how it does.
type delivery struct {
	Name, Path, Kind, Place, Account string
	State, Colour, Word              string
	Trouble                          string
	Last                             *time.Time
	RetryAt                          *time.Time
}

func (p *Page) deliveries(w http.ResponseWriter, r *http.Request, v visit) {
	s := p.sheet(r, v, "deliveries")
	s.Title = s.T["deliveries"]
	s.Deliveries = &deliveries{}
	for _, c := range p.Channels().Status() {
		s.Deliveries.Channels = append(s.Deliveries.Channels, v.channel(c))
	}
	for _, o := range p.Outputs().Status() {
		s.Deliveries.Outputs = append(s.Deliveries.Outputs, v.output(o))
	}
	failing := func(a, b delivery) int {
		rank := func(d delivery) int { return slices.Index([]string{"warn", "soft", "good"}, d.Colour) }
		return cmp.Compare(rank(a), rank(b))
	}
	slices.SortStableFunc(s.Deliveries.Channels, failing)
	slices.SortStableFunc(s.Deliveries.Outputs, failing)
	p.documents.render(w, http.StatusOK, "deliveries.html", s)
}

// Retry is when it is tried again.
func (d delivery) Retry() time.Time { return *d.RetryAt }

// as sets how a delivery does.
func (d delivery) as(s speech, state, word string) delivery {
	d.State, d.Colour, d.Word = state, colour(state), s.T[word]
	return d
}

func (s speech) channel(c client.Channel) delivery {
	d := delivery{Name: c.Name, Path: url.PathEscape(c.Name), Kind: c.Type, Last: c.LastDelivered, RetryAt: c.RetryAt}
	switch {
	case c.FailingSince != nil:
		d.Trouble = c.LastError
		return d.as(s, stateSoon, "fails")
	case c.LastDelivered == nil:
		return d.as(s, stateNew, "not_used_yet")
	}
	return d.as(s, stateValid, "works")
}

func (s speech) output(o client.Output) delivery {
	d := delivery{Name: o.Name, Path: url.PathEscape(o.Name), Kind: cmp.Or(o.Format, o.Kind), Place: o.Place, Account: o.Account,
		Last: o.LastWritten, RetryAt: o.RetryAt}
	switch o.State {
	case client.OutputOK:
		return d.as(s, stateValid, "works")
	case client.OutputWaiting:
		return d.as(s, stateNew, "waits_for_login")
	case client.OutputPending:
		return d.as(s, stateNew, "not_used_yet")
	}
	d.Trouble = cmp.Or(o.LastError, o.HookError)
	return d.as(s, stateSoon, "fails")
}
