package accountpage

import (
	"maps"
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
	Tags                  []string
}

// filter is what of the list is wanted, as the address has it.
type filter struct {
	Query, Tag, State string
	page              int
}

// list is the list of accounts.
type list struct {
	Rows     []row
	Total    int
	Filter   filter
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
		filter{Query: strings.TrimSpace(query.Get("q")), Tag: query.Get("tag"), State: query.Get("state"), page: page})
	s.Title = s.needsTitle()
	p.documents.render(w, http.StatusOK, "accounts.html", s)
}

// Summary says how many logins work.
func (l *list) Summary(s sheet) string {
	valid := 0
	for _, c := range l.Chips {
		if c.State == stateValid || c.State == stateSoon || c.State == stateAway {
			valid += c.Count
		}
	}
	return s.Fill("summary", "n", strconv.Itoa(l.Total), "v", strconv.Itoa(valid))
}

// newList is the accounts that a filter lets through, in the order that they have.
// Rows are made for one page alone: there may be ten thousand accounts.
func newList(s speech, accounts []ranked, f filter) *list {
	l := &list{Filter: f, Total: len(accounts)}
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
	for name, value := range map[string]string{"q": f.Query, "tag": f.Tag, "state": f.State} {
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
	if a.state == stateAway {
		r.Why = s.T["nothing_lost"]
	}
	return r
}

func siteName(site string) string {
	if site == "intl" {
		return "bilibili.tv"
	}
	return "bilibili.com"
}
