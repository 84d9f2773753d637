package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

//go:embed web
var web embed.FS

// documents are the page's templates and its texts in both languages.
type documents struct {
	template *template.Template
	gone     []byte
	fallback string
	texts    map[string]map[string]string
	// tables are the texts as JSON, for the script.
	tables map[string]string
}

func newDocuments(locale string) (*documents, error) {
	d := &documents{tables: map[string]string{}}
	var err error
	if d.texts, d.fallback, err = browser.Texts(web, locale); err != nil {
		return nil, err
	}
	for lang, texts := range d.texts {
		table, err := json.Marshal(texts)
		if err != nil {
			return nil, err
		}
		d.tables[lang] = string(table)
	}
	if d.gone, err = web.ReadFile("web/gone.html"); err != nil {
		return nil, err
	}
	d.template, err = template.New("").Option("missingkey=error").ParseFS(web, "web/page.html", "web/plain.html")
	return d, err
}

// sheet is what a template is filled with. Up leads from the document to the
// page's root, relative, so that a proxy may put a path before it.
type sheet struct {
	Lang, Other string
	T           map[string]string
	Table       string
	Up, Base    string
	// Code leads from the form of an SMS to a code to scan.
	Code  string
	Proof string
	Form  bool
	State state
	Again bool
	View  string
}

func (p *loginPages) sheet(r *http.Request, l *link) sheet {
	d := p.documents
	lang := browser.ChooseLanguage(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"), d.fallback)
	other := browser.Chinese
	if lang == browser.Chinese {
		other = browser.English
	}
	return sheet{Lang: lang, Other: other, T: d.texts[lang], Table: d.tables[lang],
		Up: "../", Base: l.token, Proof: p.sealer.formProof(l.token)}
}

// smsForm is the form of a login by SMS, for a document of another page. code leads
// to a code to scan.
func (d *documents) smsForm(lang, code string) (template.HTML, error) {
	var form strings.Builder
	err := d.template.ExecuteTemplate(&form, "smsform", sheet{Lang: lang, T: d.texts[lang], Code: code})
	return template.HTML(form.String()), err
}

func (d *documents) render(w http.ResponseWriter, name string, s sheet) error {
	var body bytes.Buffer
	if err := d.template.ExecuteTemplate(&body, name, s); err != nil {
		return err
	}
	w.Header().Set("Content-Language", s.Lang)
	browser.WriteBody(w, http.StatusOK, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// document is the page with the code. Where it was started without a script, it
// is the plain one, which shows a reader of its own how things stand.
func (p *loginPages) document(w http.ResponseWriter, r *http.Request, l *link) error {
	view := r.URL.Query().Get("view")
	alive, err := p.admitted(r, l)
	if err != nil {
		return err
	}
	s := p.sheet(r, l)
	if view == "" || !(readers{p}).knows(l, view) {
		return p.documents.render(w, "page.html", s)
	}
	p.attend(r.Context(), l)
	s.State, s.View = p.look(l, alive), url.QueryEscape(view)
	s.Again = alive && s.State.Ended() && s.State.State != client.LoginSucceeded && s.State.CodesLeft > 0
	return p.documents.render(w, "plain.html", s)
}

// asset is a file of the documents, nil where there is none of that name. They are
// the same for everybody.
func asset(name string) (data []byte, kind string) {
	kinds := map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
	return browser.Asset(web, kinds, name)
}

// Fill puts a value into one of the sheet's texts.
func (s sheet) Fill(key, name, value string) string {
	return strings.ReplaceAll(s.T[key], "{"+name+"}", value)
}
