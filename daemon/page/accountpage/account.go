package accountpage

import (
	"net/http"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// searched is how many entries of the journal are looked through for an
	// account, mostEntries how many of its own are shown.
	searched    = 5000
	mostEntries = 100
	// asideEntries is how many are shown beside the list of accounts.
	asideEntries = 5
)

// one is the screen of one account.
type one struct {
	row
	Sentence string
	Buttons  []press
	// Everything is whether what matters little is shown as well.
	Everything bool
	Mid        string
	Schedule   string
	Renewed    *time.Time
	Attention  string
	Days       []day
	// Nothing is said where no entry is shown.
	Nothing string
	Months  *months
	Readers []reader
	Plot    *plot
	Outputs []delivery
}

// day is what happened on one day, the newest first.
type day struct {
	Name    string
	Entries []entry
}

// repeats counts an entry that says the same as the one before it.
func (d *day) repeats(name string, e entry) bool {
	last := &d.Entries[len(d.Entries)-1]
	if d.Name != name || last.Text != e.Text {
		return false
	}
	last.Times++
	return true
}

func (p *Page) account(w http.ResponseWriter, r *http.Request, v visit) {
	a, err := p.Keeper.Accounts().Get(r.PathValue("name"))
	if err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	room := loginRoom{p}
	room.attend(r, a)
	s := p.sheet(r, v, "account")
	s.Title = a.Name
	if s.Login = room.panel(s, a, r.URL.Query().Get("login")); s.Login != nil {
		s.Login.Wide = true
	}
	o := &one{row: newRow(v.speech, rank([]client.Account{a}, v.now)[0]), Mid: midOf(a), Sentence: v.sentence(a), Schedule: a.Schedule,
		Renewed: a.RefreshedAt, Attention: a.Attention, Everything: r.URL.Query().Get("all") == "1", Nothing: s.T["nothing_happened"]}
	o.Buttons = s.accountButtons(a, o.row)
	o.Days = p.timeline(v, a.Name, o.Everything, mostEntries)
	p.past(v, o)
	for _, d := range p.Outputs().Status() {
		if d.Account == a.Name {
			d.Account = "" // whose it is stands at the top
			o.Outputs = append(o.Outputs, p.output(v.speech, d))
		}
	}
	s.One = o
	p.documents.render(w, http.StatusOK, "account.html", s)
}

// accountButtons are what can be done about an account, and is allowed. A login in
// place has its own.
func (s sheet) accountButtons(a client.Account, r row) (list []press) {
	at := s.Up + "accounts/" + r.Path + "/"
	if s.May[mayCheck] && r.State != stateNew {
		list = append(list, s.Press(at+"check", s.T["check"], "", ""))
	}
	if s.May[mayRefresh] && a.Refreshable && a.State == client.StateValid {
		list = append(list, s.Press(at+"refresh", s.T["refresh"], "", ""))
	}
	if s.May[mayManage] {
		if a.Paused {
			list = append(list, s.Press(at+"resume", s.T["resume"], "", ""))
		} else {
			list = append(list, s.Press(at+"pause", s.T["pause"], "", ""))
		}
	}
	if s.May[mayLogin] && s.Login == nil {
		word, class := "login", ""
		if r.State == stateDead {
			word = "new_code"
		}
		if r.Colour == "bad" || r.State == stateNew || r.State == stateSoon {
			class = "main"
		}
		list = append(list, s.Press(at+"login", s.T[word], "", class))
	}
	return list
}

// past is what the history tells of an account. Without it the rest is shown.
func (p *Page) past(v visit, o *one) {
	all, err := p.Keeper.Store().History(v.now, stripDays, o.Name)
	if err != nil {
		p.frame.Log.Error().Err(err).Msg("the account page has no history")
		return
	}
	days := all[o.Name]
	o.Months = newMonths(v.speech, days)
	o.Plot, o.Readers = newPlot(v.speech, days[len(days)-plotDays:]), readersOf(v.speech, days[len(days)-plotDays:])
}

// timeline is what the newest part of the journal tells of an account, the newest
// first. It is read backwards, and no further than there is room for.
func (p *Page) timeline(v visit, name string, everything bool, most int) (list []day) {
	const batch = 500
	st := p.Keeper.Store()
	oldest, newest := max(st.Oldest(), 1), st.Newest()
	var found []client.Event
	for above := newest + 1; above > oldest && newest+1-above < searched; {
		below := oldest - 1
		if above > oldest+batch {
			below = above - 1 - batch
		}
		events, err := st.Events(below, batch)
		if err != nil {
			// The ring moved on: what is left of it comes with the next look.
			break
		}
		events = slices.DeleteFunc(events, func(e client.Event) bool { return e.Account != name || e.ID >= above })
		found = append(events, found...)
		if list = v.days(found, everything, most); entriesOf(list) >= most {
			break
		}
		above = below + 1
	}
	return list
}

func entriesOf(list []day) (n int) {
	for _, d := range list {
		n += len(d.Entries)
	}
	return n
}

// days puts the newest entries under their days: those that matter, or all.
func (s speech) days(events []client.Event, everything bool, most int) (list []day) {
	n := 0
	for _, e := range slices.Backward(events) {
		entry, ok := s.entryOf(e)
		if !ok || entry.Minor && !everything {
			continue
		}
		// People read it elsewhere than on the keeper's machine.
		name := s.Day(e.Time) + " · " + e.Time.Local().Format("MST")
		if len(list) > 0 && list[len(list)-1].repeats(name, entry) {
			continue
		}
		if n++; n > most {
			break
		}
		if len(list) == 0 || list[len(list)-1].Name != name {
			list = append(list, day{Name: name})
		}
		last := &list[len(list)-1]
		last.Entries = append(last.Entries, entry)
	}
	return list
}
