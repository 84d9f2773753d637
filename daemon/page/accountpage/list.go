package accountpage

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// perPage is how many accounts a document lists.
const perPage = 50

// row is an account in the list.
type row struct {
	Name, Path, Who, Site string
	State, Colour         string
	CheckedAt             *time.Time
	Checked, Why, Next    string
	Left                  string
	// Elsewhere is the site where it is not the usual one.
	Elsewhere string
	// Low is whether few days are left and nothing renews the login.
	Low   bool
	Tags  []string
	Strip *strip
}

// filter is what of the list is wanted, as the address has it.
type filter struct {
	Query, Tag, State, Sort string
	page                    int
}

// list is the list of accounts.
type list struct {
	Rows     []row
	Total    int
	Fitting  int
	Filter   filter
	Sorts    []string
	Tags     []string
	Chips    []chip
	Page     int
	Pages    int
	Previous string
	Next     string
}

// chip is a choice of the filter for states.
type chip struct {
	State, Colour string
	Count         int
	Chosen        bool
}

func (p *Page) list(w http.ResponseWriter, r *http.Request, v visit) {
	s := p.sheet(r, v, "accounts")
	query := r.URL.Query()
	page, _ := strconv.Atoi(query.Get("page"))
	s.List = newList(v.speech, s.accounts,
		filter{Query: strings.TrimSpace(query.Get("q")), Tag: query.Get("tag"), State: query.Get("state"), Sort: query.Get("sort"), page: page})
	p.drawStrips(v, s.List.Rows)
	s.Title = s.needsTitle()
	s.Aside = p.aside(s, v)
	p.documents.render(w, http.StatusOK, "accounts.html", s)
}

// aside is the first account for which a code waits, beside the list where there is
// room. The code is not kept alive for it: nobody knows whether it is seen.
type aside struct {
	One   one
	Login *panel
}

func (p *Page) aside(s sheet, v visit) *aside {
	if len(s.accounts) == 0 || s.accounts[0].state != stateCode {
		return nil
	}
	a := s.accounts[0]
	login := loginRoom{p}.panel(s, *a.Account, "")
	if login == nil {
		return nil
	}
	return &aside{Login: login, One: one{row: newRow(v.speech, a), Nothing: s.T["nothing_happened"], Days: p.timeline(v, a.Name, false, asideEntries)}}
}

// drawStrips gives rows their strips. Without a history they have none: a list
// without its strips is better than none.
func (p *Page) drawStrips(v visit, rows []row) {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Name
	}
	all, err := p.Keeper.Store().History(v.now, stripDays, names...)
	if err != nil {
		p.frame.Log.Error().Err(err).Msg("the account page has no history")
		return
	}
	for i := range rows {
		rows[i].Strip = newStrip(v.speech, all[rows[i].Name])
	}
}

// sorts are the orders that the list can have; "" is what needs a person first.
func sorts() []string { return []string{"", "name", "left", "checked"} }

// sorted brings accounts that are in the usual order into another one. What is
// unknown comes last.
func sorted(wanted []ranked, by string) {
	switch by {
	case "name":
		slices.SortStableFunc(wanted, func(a, b ranked) int { return strings.Compare(a.Name, b.Name) })
	case "left":
		slices.SortStableFunc(wanted, func(a, b ranked) int { return cmp.Compare(uint(a.days), uint(b.days)) })
	case "checked":
		checked := func(a ranked) int64 {
			if a.CheckedAt == nil {
				return math.MaxInt64
			}
			return a.CheckedAt.UnixNano()
		}
		slices.SortStableFunc(wanted, func(a, b ranked) int { return cmp.Compare(checked(a), checked(b)) })
	}
}

// Summary says how many logins work.
func (l *list) Summary(s sheet) string {
	valid := 0
	for _, c := range l.Chips {
		if c.State == stateValid || c.State == stateSoon || c.State == stateBlocks || c.State == stateAway {
			valid += c.Count
		}
	}
	return s.Fill("summary", "n", strconv.Itoa(l.Total), "v", strconv.Itoa(valid))
}

// newList is the accounts that a filter lets through, in the order that they have.
// Rows are made for one page alone: there may be ten thousand accounts.
func newList(s speech, accounts []ranked, f filter) *list {
	l := &list{Filter: f, Total: len(accounts), Sorts: sorts()}
	counts, tags := map[string]int{}, map[string]bool{}
	var wanted []ranked
	for _, a := range accounts {
		counts[a.state]++
		for _, tag := range a.Tags {
			tags[tag] = true
		}
		if f.fits(a) {
			wanted = append(wanted, a)
		}
	}
	l.Tags = slices.Sorted(maps.Keys(tags))
	for _, state := range states() {
		if counts[state] > 0 || state == f.State {
			l.Chips = append(l.Chips, chip{State: state, Colour: colour(state), Count: counts[state], Chosen: state == f.State})
		}
	}
	l.Fitting = len(wanted)
	sorted(wanted, f.Sort)
	for _, a := range l.turn(wanted, f.page) {
		l.Rows = append(l.Rows, newRow(s, a))
	}
	return l
}

// turn opens a page of the list.
func (l *list) turn(wanted []ranked, page int) []ranked {
	l.Pages = max(1, (len(wanted)+perPage-1)/perPage)
	l.Page = min(max(page, 1), l.Pages)
	if l.Page > 1 {
		l.Previous = l.Filter.address(l.Page - 1)
	}
	if l.Page < l.Pages {
		l.Next = l.Filter.address(l.Page + 1)
	}
	from := (l.Page - 1) * perPage
	return wanted[from:min(from+perPage, len(wanted))]
}

func (f filter) address(page int) string {
	query := url.Values{"page": {strconv.Itoa(page)}}
	for name, value := range map[string]string{"q": f.Query, "tag": f.Tag, "state": f.State, "sort": f.Sort} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "?" + query.Encode()
}

// fits reports whether an account is wanted: the query is looked for in names, tags
// and the mid.
func (f filter) fits(a ranked) bool {
	if f.State != "" && f.State != a.state || f.Tag != "" && !slices.Contains(a.Tags, f.Tag) {
		return false
	}
	if f.Query == "" {
		return true
	}
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(f.Query)) }
	return has(a.Name) || has(a.Uname) || has(midOf(*a.Account)) || slices.ContainsFunc(a.Tags, has)
}

func midOf(a client.Account) string {
	if a.Mid == nil {
		return ""
	}
	return strconv.FormatInt(*a.Mid, 10)
}

func newRow(s speech, a ranked) row {
	r := row{Name: a.Name, Path: url.PathEscape(a.Name), Who: a.Uname, Site: siteName(a.Site), State: a.state, Colour: colour(a.state),
		CheckedAt: a.CheckedAt, Checked: s.Ago(a.CheckedAt), Next: s.next(*a.Account), Tags: a.Tags}
	if a.days >= 0 {
		r.Left = s.count("days", a.days)
	}
	switch a.state {
	case stateBlocks, stateAway:
		r.Why = s.T["nothing_lost"]
	case stateSoon:
		r.Why, r.Low = s.T["not_refreshable"], true
	}
	if a.Site == client.SiteIntl {
		r.Elsewhere = r.Site
	}
	return r
}

func siteName(site string) string {
	if site == client.SiteIntl {
		return "bilibili.tv"
	}
	return "bilibili.com"
}
