package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
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
	d := &documents{fallback: english, tables: map[string]string{}}
	if found := spoken(locale); found != "" {
		d.fallback = found
	}
	data, err := web.ReadFile("web/texts.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &d.texts); err != nil {
		return nil, fmt.Errorf("web/texts.json: %w", err)
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
	Proof       string
	SMS, Form   bool
	State       state
	Again       bool
	View        string
}

func (p *Page) sheet(r *http.Request, l *link) sheet {
	d := p.documents
	lang := chooseLanguage(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"), d.fallback)
	other := chinese
	if lang == chinese {
		other = english
	}
	return sheet{Lang: lang, Other: other, T: d.texts[lang], Table: d.tables[lang],
		Up: "../", Base: l.token, Proof: p.sealer.formProof(l.token), SMS: p.parts.SMS != nil}
}

func (p *Page) render(w http.ResponseWriter, name string, s sheet) error {
	var body bytes.Buffer
	if err := p.documents.template.ExecuteTemplate(&body, name, s); err != nil {
		return err
	}
	w.Header().Set("Content-Language", s.Lang)
	writeBody(w, http.StatusOK, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// document is the page with the code. Where it was started without a script, it
// is the plain one, which shows a reader of its own how things stand.
func (p *Page) document(w http.ResponseWriter, r *http.Request, l *link) error {
	view := r.URL.Query().Get("view")
	alive, err := p.admitted(r, l)
	if err != nil {
		return err
	}
	s := p.sheet(r, l)
	if view == "" || !l.knows(view) {
		return p.render(w, "page.html", s)
	}
	p.attend(r.Context(), l)
	s.State, s.View = p.look(l, alive), url.QueryEscape(view)
	s.Again = alive && s.State.Ended() && s.State.State != client.LoginSucceeded && s.State.CodesLeft > 0
	return p.render(w, "plain.html", s)
}

// smsDocument has the form and the captcha. It is apart from the document with
// the code, so that the captcha's script never sees one.
func (p *Page) smsDocument(w http.ResponseWriter, r *http.Request, l *link) error {
	if !p.alive(l) {
		return errNoLink
	}
	s := p.sheet(r, l)
	s.Form, s.Up, s.Base = true, "../../", "../"+l.token
	w.Header().Set("Content-Security-Policy", policy(captchaSources(p.parts.CaptchaOrigin)...))
	return p.render(w, "page.html", s)
}

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	kinds := map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
	kind, ok := kinds[r.PathValue("file")]
	data, err := web.ReadFile("web/" + r.PathValue("file"))
	if !ok || err != nil {
		p.nothing(w)
		return
	}
	writeBody(w, http.StatusOK, kind, data)
}

// nothing is the answer to everything that is not there, the same for each.
func (p *Page) nothing(w http.ResponseWriter) {
	writeBody(w, http.StatusNotFound, "text/html; charset=utf-8", p.documents.gone)
}

func (p *Page) tooMany(w http.ResponseWriter) {
	writeError(w, &fault{http.StatusTooManyRequests, keySlowDown})
}

// Fill puts a value into one of the sheet's texts.
func (s sheet) Fill(key, name, value string) string {
	return strings.ReplaceAll(s.T[key], "{"+name+"}", value)
}
