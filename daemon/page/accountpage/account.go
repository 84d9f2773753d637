package accountpage

import (
	"cmp"
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
	// mostReaders bounds the list of who reads a credential.
	mostReaders = 20
)

// one is the screen of one account.
type one struct {
	row
	Sentence string
	// Everything is whether what matters little is shown as well.
	Everything bool
	// Refreshable is whether a renewal makes sense now.
	Refreshable bool
	Mid         string
	Renewed     *time.Time
	Attention   string
	Days        []day
	Readers     []reader
	Outputs     []delivery
}

// day is what happened on one day, the newest first.
type day struct {
	Name    string
	Entries []entry
}

// At is when a reader last read.
func (r reader) At() *time.Time { return &r.Last }

// reader is who was given the credential, and how often.
type reader struct {
	Name, Who, Format string
	Reads             uint64
	Last              time.Time
}

func (p *Page) account(w http.ResponseWriter, r *http.Request, v visit) {
	a, err := p.Keeper.Accounts().Get(r.PathValue("name"))
	if err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	s := p.sheet(r, v, "account")
	s.Title = a.Name
	s.One = &one{row: newRow(v.speech, rank([]client.Account{a}, v.now)[0]), Mid: midOf(a), Sentence: v.sentence(a), Refreshable: a.Refreshable && a.State == client.StateValid, Renewed: a.RefreshedAt, Attention: a.Attention}
	events := p.journal(a.Name)
	s.One.Everything = r.URL.Query().Get("all") == "1"
	s.One.Days, s.One.Readers = v.days(events, s.One.Everything), v.readers(events)
	for _, o := range p.Outputs().Status() {
		if o.Account == a.Name {
			o.Account = "" // whose it is stands at the top
			s.One.Outputs = append(s.One.Outputs, v.output(o))
		}
	}
	p.documents.render(w, http.StatusOK, "account.html", s)
}

// journal is what the newest part of the journal tells of an account, oldest
// first.
func (p *Page) journal(name string) (out []client.Event) {
	st := p.Keeper.Store()
	position := max(st.Oldest(), 1) - 1
	if newest := st.Newest(); newest > position+searched {
		position = newest - searched
	}
	for {
		const batch = 1000
		events, err := st.Events(position, batch)
		if err != nil {
			// The ring moved on: what is left of it comes with the next look.
			return out
		}
		for _, e := range events {
			position = e.ID
			if e.Account == name {
				out = append(out, e)
			}
		}
		if len(events) < batch {
			return out
		}
	}
}

// days puts the newest entries under their days: those that matter, or all.
func (s speech) days(events []client.Event, everything bool) (list []day) {
	n := 0
	for _, e := range slices.Backward(events) {
		entry, ok := s.entryOf(e)
		if !ok || entry.Minor && !everything {
			continue
		}
		if n++; n > mostEntries {
			break
		}
		if name := s.Day(e.Time); len(list) == 0 || list[len(list)-1].Name != name {
			list = append(list, day{Name: name})
		}
		last := &list[len(list)-1]
		last.Entries = append(last.Entries, entry)
	}
	return list
}

// readers counts who was given the credential, who read last first.
func (s speech) readers(events []client.Event) []reader {
	type key struct{ name, who, format string }
	found := map[key]*reader{}
	for _, e := range events {
		data, err := e.Decode()
		read, ok := data.(client.CredentialRead)
		if err != nil || !ok || read.Denied {
			continue
		}
		name, who := s.readerOf(read)
		k := key{name, who, read.Format}
		if found[k] == nil {
			found[k] = &reader{Name: name, Who: who, Format: read.Format}
		}
		found[k].Reads += 1 + read.Reads
		found[k].Last = e.Time
	}
	list := []reader{}
	for _, r := range found {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b reader) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Format, b.Format))
	})
	return list[:min(len(list), mostReaders)]
}
