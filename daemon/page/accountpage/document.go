package accountpage

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
)

//go:embed web
var web embed.FS

// documents are the page's templates and its texts in both languages.
type documents struct {
	templates *template.Template
	texts     map[string]map[string]string
	fallback  string
}

func newDocuments(locale string) (*documents, error) {
	d := &documents{}
	var err error
	if d.texts, d.fallback, err = browser.Texts(web, locale); err != nil {
		return nil, err
	}
	d.templates, err = template.New("").Option("missingkey=error").ParseFS(web, "web/*.html")
	return d, err
}

// Asset is a file of the documents, nil where there is none of that name. They are
// the same for everybody.
func Asset(name string) (data []byte, kind string) {
	kinds := map[string]string{"account.css": "text/css; charset=utf-8", "account.js": "text/javascript; charset=utf-8",
		"account.webmanifest": "application/manifest+json", "icon.svg": "image/svg+xml", "icon-192.png": "image/png", "icon-512.png": "image/png"}
	return browser.Asset(web, kinds, name)
}

// sheet is what a template is filled with.
type sheet struct {
	speech
	// Up leads from the document to the page's root.
	Up string
	// Key is what is told of: the name of a text.
	Key string
	// Password is whether there is a form for one.
	Password bool

	// What follows is for who is signed in.
	Screen, Title, Proof, Said string
	Needs                      needs
	// accounts are all of them, in the list's order.
	accounts   []ranked
	May        map[string]bool
	List       *list
	Aside      *aside
	One        *one
	Login      *panel
	Deliveries *deliveries
	Health     *health
	SMS        *smsForm
}

// sheet fills what every document has of who is signed in.
func (p *Page) sheet(r *http.Request, v visit, screen string) sheet {
	status := p.Keeper.Accounts().Status()
	accounts := rank(status.Accounts, v.now)
	s := sheet{speech: v.speech, Up: v.up, Screen: screen, Proof: signin.Proof(v.cookie), accounts: accounts,
		Needs: p.needs(v, accounts, status.Daemon.Problems), May: map[string]bool{}}
	for _, verb := range []string{mayLogin, mayCheck, mayRefresh, mayManage} {
		s.May[verb] = p.may(verb)
	}
	if key := "said_" + r.URL.Query().Get("said"); s.T[key] != "" {
		s.Said = s.T[key]
	}
	return s
}

func (d *documents) render(w http.ResponseWriter, status int, name string, s sheet) {
	var body bytes.Buffer
	if err := d.templates.ExecuteTemplate(&body, name, s); err != nil {
		// A template and its data are the program's own, whatever the names in it.
		panic(err)
	}
	w.Header().Set("Content-Language", s.Lang)
	browser.WriteBody(w, status, "text/html; charset=utf-8", body.Bytes())
}

// press is a button: a form with the session's proof, or a link. Of says to who
// hears it alone what it is about.
type press struct {
	Action, Href, Word, Of, Class, Proof string
}

// Press makes a button that does something.
func (s sheet) Press(action, word, of, class string) press {
	return press{Action: action, Word: word, Of: of, Class: class, Proof: s.Proof}
}

// shownNeed is a need with what its template needs beside it.
type shownNeed struct {
	need
	Sheet sheet
	Class string
}

// OfNeed makes a need ready to be shown.
func (s sheet) OfNeed(n need) shownNeed {
	if n.Main {
		return shownNeed{n, s, "main"}
	}
	return shownNeed{n, s, ""}
}

// shownDelivery is a delivery with what its template needs beside it: the room of
// its address, the verb of its button.
type shownDelivery struct {
	delivery
	Sheet      sheet
	Room, Verb string
}

// Of makes a delivery ready to be shown.
func (s sheet) Of(room, verb string, d delivery) shownDelivery {
	return shownDelivery{delivery: d, Sheet: s, Room: room, Verb: verb}
}

// PageOf says which page of the list this is.
func (s sheet) PageOf() string {
	return s.Fill("page_of", "n", strconv.Itoa(s.List.Page), "of", strconv.Itoa(s.List.Pages))
}

// MoreNeeds says how many things are not shown.
func (s sheet) MoreNeeds() string { return s.count("more_needs", s.Needs.More()) }

// FoldedNeeds says how many things are shown once they are asked for.
func (s sheet) FoldedNeeds() string { return s.count("folded_needs", len(s.Needs.Folded)) }

// Times says how often somebody read.
func (s sheet) Times(n uint64) string { return s.Fill("times", "n", strconv.FormatUint(n, 10)) }
