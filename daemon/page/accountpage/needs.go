package accountpage

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// mostNeeds is how many things are listed that need a person. The list of
	// accounts has them all.
	mostNeeds = 12
	// unfolded is up to how many things are shown without a fold.
	unfolded = 5
)

// need is a thing that only a person can do, with its one button.
type need struct {
	State, Colour    string
	Name, Who, Text  string
	Hot, Main        bool
	Button           string
	Action, Location string // a form's, or a link's
}

// needs are all of them, and how many are whose.
type needs struct {
	Shown []need
	// Folded are those that can wait, where there are too many to see at a glance.
	Folded []need
	// Count is all of them, Accounts, Deliveries and Health those that the screens
	// have.
	Count, Accounts, Deliveries, Health int
}

// More is how many are not listed.
func (n needs) More() int { return n.Count - len(n.Shown) - len(n.Folded) }

// needsTitle counts what needs a person.
func (s sheet) needsTitle() string {
	if n := s.Needs.Count; n > 0 {
		return s.count("needs", n)
	}
	return s.T["calm"]
}

// needs finds what needs a person: accounts, what ends first before the rest, then
// the keeper's own things.
func (p *Page) needs(v visit, accounts []ranked, problems []string) (n needs) {
	var all []need
	for _, a := range accounts {
		if !a.needy() {
			break // they come first
		}
		if n.Accounts++; n.Accounts <= mostNeeds {
			all = append(all, p.accountNeed(v, a))
		}
	}
	delivering, counted := p.deliveryNeeds(v)
	n.Deliveries = len(delivering)
	all = append(all, delivering...)
	for _, problem := range problems {
		what, why, _ := strings.Cut(problem, ": ")
		if slices.Contains(counted, what) {
			continue // a thing is counted once
		}
		if kind, name, _ := strings.Cut(what, " "); why != "" && name != "" && (kind == "channel" || kind == "output") {
			n.Deliveries++
			all = append(all, v.deliveryNeed(v.Fill(kind+"_named", "name", name), why))
			continue
		}
		n.Health++
		all = append(all, need{State: stateSoon, Colour: "warn", Name: v.T["keeper"], Text: problem, Button: "look", Location: v.up + "health"})
	}
	if len(all) > 0 {
		all[0].Main = true
	}
	n.Count = n.Accounts + n.Deliveries + n.Health
	n.Shown = all[:min(len(all), mostNeeds)]
	if n.Count > unfolded {
		n.fold()
	}
	return n
}

// fold puts what can wait below what cannot.
func (n *needs) fold() {
	hot := slices.IndexFunc(n.Shown, func(n need) bool { return !n.Hot })
	if hot > 0 {
		n.Shown, n.Folded = n.Shown[:hot], n.Shown[hot:]
	} else if hot == 0 {
		n.Shown, n.Folded = n.Shown[:unfolded-1], n.Shown[unfolded-1:]
	}
}

// deliveryNeed is a channel or output that a person has to look at.
func (v visit) deliveryNeed(name, text string) need {
	return need{State: stateSoon, Colour: "warn", Name: name, Text: text, Button: "look", Location: v.up + "deliveries"}
}

// deliveryNeeds are the channels and outputs that fail, and what the keeper's
// problems call them.
func (p *Page) deliveryNeeds(v visit) (list []need, counted []string) {
	add := func(problem, name, text string) {
		counted = append(counted, problem)
		list = append(list, v.deliveryNeed(name, text))
	}
	for _, c := range p.Channels().Status() {
		if c.FailingSince != nil {
			add("channel "+c.Name, v.Fill("channel_named", "name", c.Name), v.Fill("channel_fails", "for", v.span(v.now.Sub(*c.FailingSince)), "why", c.LastError))
		}
	}
	for _, o := range p.Outputs().Status() {
		if o.State == client.OutputFailed || o.State == client.OutputRetrying || o.State == client.OutputHook {
			add("output "+o.Name, v.Fill("output_named", "name", o.Name), cmp.Or(o.LastError, o.HookError, v.T["output_fails"]))
		}
	}
	return list, counted
}

func (p *Page) accountNeed(v visit, a ranked) need {
	state := a.state
	at := v.up + "accounts/" + url.PathEscape(a.Name)
	n := need{State: state, Colour: colour(state), Name: a.Name, Who: a.Uname, Text: v.sentence(*a.Account), Hot: state == stateCode || state == stateDead,
		Button: "look", Location: at}
	if !p.may(mayLogin) {
		return n
	}
	if n.Button = map[string]string{stateCode: "show_code", stateDead: "new_code", stateSoon: "log_in_anew"}[state]; state != stateCode {
		n.Location, n.Action = "", at+"/login"
	}
	return n
}
