package accountpage

import (
	"cmp"
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
	mid                   string
	rank                  int
	days                  int
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
	s.List = newList(v.speech, s.status.Accounts,
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

// newList is the accounts that a filter lets through, what needs a person first.
func newList(s speech, accounts []client.Account, f filter) *list {
	l := &list{Filter: f, Total: len(accounts)}
	counts := map[string]int{}
	for _, a := range accounts {
		r := newRow(s, a)
		counts[r.State]++
		for _, tag := range a.Tags {
			if !slices.Contains(l.Tags, tag) {
				l.Tags = append(l.Tags, tag)
			}
		}
		if f.fits(r) {
			l.Rows = append(l.Rows, r)
		}
	}
	slices.Sort(l.Tags)
	for _, state := range states() {
		if counts[state] > 0 || state == f.State {
			l.Chips = append(l.Chips, chip{State: state, Colour: colour(state), Count: counts[state], Chosen: state == f.State})
		}
	}
	slices.SortStableFunc(l.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.days, b.days), strings.Compare(a.Name, b.Name))
	})
	l.turn(f.page)
	return l
}

// turn leaves one page of the rows.
func (l *list) turn(page int) {
	l.Pages = max(1, (len(l.Rows)+perPage-1)/perPage)
	l.Page = min(max(page, 1), l.Pages)
	if l.Page > 1 {
		l.Previous = l.Filter.address(l.Page - 1)
	}
	if l.Page < l.Pages {
		l.Next = l.Filter.address(l.Page + 1)
	}
	from := (l.Page - 1) * perPage
	l.Rows = l.Rows[from:min(from+perPage, len(l.Rows))]
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

// fits reports whether a row is wanted: the query is looked for in names, tags and
// the mid.
func (f filter) fits(r row) bool {
	if f.State != "" && f.State != r.State || f.Tag != "" && !slices.Contains(r.Tags, f.Tag) {
		return false
	}
	query := strings.ToLower(f.Query)
	for _, text := range append([]string{r.Name, r.Who, r.mid}, r.Tags...) {
		if strings.Contains(strings.ToLower(text), query) {
			return true
		}
	}
	return false
}

func newRow(s speech, a client.Account) row {
	state := stateOf(a, s.now)
	r := row{Name: a.Name, Path: url.PathEscape(a.Name), Who: a.Uname, Site: siteName(a.Site), State: state, Colour: colour(state),
		CheckedAt: a.CheckedAt, Checked: s.Ago(a.CheckedAt), Next: s.next(a), Tags: a.Tags, rank: slices.Index(states(), state), days: daysLeft(a, s.now)}
	if a.Mid != nil {
		r.mid = strconv.FormatInt(*a.Mid, 10)
	}
	if r.days >= 0 {
		r.Left = s.count("days", r.days)
	}
	if state == stateAway {
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
