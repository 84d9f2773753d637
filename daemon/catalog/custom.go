package catalog

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Custom are a person's own words for one type of message: Go text/templates over
// [Data]. An empty one leaves the usual text.
type Custom struct {
	Type                  string
	Title, Text           string
	GroupTitle, GroupText string
}

// TemplateError says which template of a type is wrong, and how.
type TemplateError struct {
	// Part is title, text, group_title or group_text.
	Part string
	Err  error
}

func (e *TemplateError) Error() string { return e.Part + ": " + e.Err.Error() }
func (e *TemplateError) Unwrap() error { return e.Err }

// Types are those that messages have.
func Types() []string {
	return []string{
		client.EventLoginRequired, client.EventLoginCode, client.EventLoginSucceeded,
		client.EventLoginFailed, client.EventAccountAttention,
	}
}

// customText is an Custom that was checked.
type customText struct{ title, text, groupTitle, groupText piece }

// parse checks the templates by running them: a field that does not exist shows
// only then.
func (o Custom) parse() (customText, error) {
	var parsed customText
	if !slices.Contains(Types(), o.Type) {
		return parsed, &TemplateError{Part: "type", Err: fmt.Errorf("there are no messages of type %q", o.Type)}
	}
	one, many := samples(o.Type)
	for _, p := range []struct {
		part, text string
		to         *piece
		with       Data
	}{
		{"title", o.Title, &parsed.title, one},
		{"text", o.Text, &parsed.text, one},
		{"group_title", o.GroupTitle, &parsed.groupTitle, many},
		{"group_text", o.GroupText, &parsed.groupText, many},
	} {
		if p.text == "" {
			continue
		}
		t, err := template.New(p.part).Funcs(functions()).Parse(p.text)
		if err == nil {
			err = t.Execute(io.Discard, p.with)
		}
		if err != nil {
			// The library names itself and the template, which we do, too.
			text := strings.TrimPrefix(err.Error(), "template: "+p.part+":")
			return parsed, &TemplateError{Part: p.part, Err: fmt.Errorf("%s", text)}
		}
		p.to.Template = t
	}
	return parsed, nil
}

// functions are what templates can call beside the language's own.
func functions() template.FuncMap {
	return template.FuncMap{
		// clock formats a time by a layout of Go's, local; "" where there is none.
		"clock": func(layout string, t time.Time) string { return clock(t, layout) },
		"join":  func(sep string, list []string) string { return strings.Join(list, sep) },
	}
}

// samples have every field set, so that a template which uses one is run.
func samples(kind string) (one, many Data) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one = Data{
		Type: kind, Account: "main", Who: "example", Uname: "example", Site: "web", Mid: 100200300,
		Reason: "expired", Detail: "an example", Until: at, Next: at, Ends: at, Days: 7,
		Link: "https://keeper.example.net/", Channel: "phone", Auto: true,
	}
	many = one
	many.Accounts = []Data{one, one}
	return one, many
}
