package accountpage

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// mostNeeds is how many things are shown that need a person. The list has them all.
const mostNeeds = 20

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
	// Count is all of them, Accounts and Deliveries those that the screens have.
	Count, Accounts, Deliveries int
}

// More is how many are not shown.
func (n needs) More() int { return n.Count - len(n.Shown) }

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
	for _, c := range p.Channels().Status() {
		if c.FailingSince != nil {
			n.Deliveries++
			all = append(all, need{State: stateSoon, Colour: "warn", Name: v.Fill("channel_named", "name", c.Name),
				Text: v.Fill("channel_fails", "for", v.span(v.now.Sub(*c.FailingSince)), "why", c.LastError), Button: "look", Location: v.up + "deliveries"})
		}
	}
	for _, o := range p.Outputs().Status() {
		if o.State == client.OutputFailed || o.State == client.OutputRetrying || o.State == client.OutputHook {
			n.Deliveries++
			all = append(all, need{State: stateSoon, Colour: "warn", Name: v.Fill("output_named", "name", o.Name),
				Text: cmp.Or(o.LastError, o.HookError, v.T["output_fails"]), Button: "look", Location: v.up + "deliveries"})
		}
	}
	for _, problem := range problems {
		all = append(all, need{State: stateSoon, Colour: "warn", Name: v.T["keeper"], Text: problem})
	}
	if first := slices.IndexFunc(all, func(n need) bool { return n.Button != "" }); first >= 0 {
		all[first].Main = true
	}
	n.Count, n.Shown = n.Accounts+n.Deliveries+len(problems), all[:min(len(all), mostNeeds)]
	return n
}

func (p *Page) accountNeed(v visit, a ranked) need {
	state := a.state
	at := v.up + "accounts/" + url.PathEscape(a.Name)
	n := need{State: state, Colour: colour(state), Name: a.Name, Who: a.Uname, Text: v.sentence(*a.Account), Hot: state == stateCode || state == stateDead,
		Button: "look", Location: at}
	if p.may(mayLogin) {
		n.Location, n.Action = "", at+"/login"
		n.Button = map[string]string{stateCode: "show_code", stateDead: "new_code", stateSoon: "log_in_anew"}[state]
	}
	return n
}
