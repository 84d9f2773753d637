package catalog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // times are shown in the local zone
	os.Exit(m.Run())
}

// everything is each message that there can be.
func everything() []Data {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	one := Data{Account: "main", Who: "example", Uname: "example", Site: "web", Mid: 100200300}
	with := func(kind string, change func(*Data)) Data {
		d := one
		d.Type = kind
		if change != nil {
			change(&d)
		}
		return d
	}
	list := []Data{
		with(client.EventLoginRequired, func(d *Data) { d.Auto = true }),
		with(client.EventLoginRequired, nil),
		with(client.EventLoginRequired, func(d *Data) { d.Auto, d.Link = true, "https://keeper.example.net/l/x" }),
		with(client.EventLoginRequired, func(d *Data) { d.Early, d.Ends, d.Detail = true, at, "it cannot be refreshed any more" }),
		with(client.EventLoginCode, func(d *Data) { d.Until = at }),
		with(client.EventLoginSucceeded, nil),
		with(client.EventLoginSucceeded, func(d *Data) { d.First = true }),
		with(client.EventLoginSucceeded, func(d *Data) { d.Revived = true }),
	}
	for _, reason := range []string{client.ReasonExpired, client.ReasonWrongAccount, client.ReasonRefused, client.ReasonUnusable, client.ReasonSite} {
		list = append(list, with(client.EventLoginFailed, func(d *Data) { d.Reason, d.Next = reason, at }))
	}
	list = append(list,
		with(client.EventAccountAttention, func(d *Data) { d.Detail = "something is odd" }),
		with(client.EventAccountAttention, func(d *Data) { d.Reason, d.Days, d.Ends = client.AttentionExpires, 7, at }),
		with(client.EventAccountAttention, func(d *Data) {
			d.Reason, d.Channel, d.Detail = client.AttentionChannel, "phone", "the service answered 404"
		}),
	)
	list = append(list,
		with(client.EventLoginFailed, func(d *Data) { d.Reason, d.By = client.ReasonWrongAccount, "other (mid 400500600)" }),
		with(client.EventAccountAttention, func(d *Data) {
			d.Reason, d.Promised, d.Next = client.AttentionPostponed, at, at.Add(5*time.Hour)
		}),
		with(client.EventAccountAttention, func(d *Data) { d.Reason, d.Ends = client.AttentionShortLogin, at }),
		with(client.EventAccountAttention, func(d *Data) { d.Reason = client.AttentionReminder }),
	)
	for _, d := range list {
		if About(d) == "" {
			continue
		}
		second := d
		second.Account, second.Who = "second", "second"
		group := d
		group.Accounts = []Data{d, second}
		list = append(list, group)
	}
	return list
}

// TestTexts: what people read, in both languages.
func TestTexts(t *testing.T) {
	for _, language := range []string{English, Chinese} {
		w, err := New(language)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, d := range everything() {
			title, text := w.Write(d)
			if title == "" || text == "" || strings.ContainsAny(title+text, "{}") || strings.Contains(title, "\n") {
				t.Errorf("%s: %+v\n%q\n%q", language, d, title, text)
			}
			fmt.Fprintf(&b, "%s\n%s\n\n", title, text)
		}
		golden.Equal(t, language+".golden", b.String())
	}
}

// TestZones: a time says its zone, in a form that has one meaning.
func TestZones(t *testing.T) {
	for want, seconds := range map[string]int{"UTC": 0, "UTC+8": 8 * 3600, "UTC-3:30": -12600, "UTC+5:45": 20700} {
		if got := zone(time.Unix(0, 0).In(time.FixedZone("CST", seconds))); got != want {
			t.Errorf("%d s: %s, want %s", seconds, got, want)
		}
	}
}

// TestOwnWords: a person's own words take the place of the usual ones, each part
// for itself.
func TestOwnWords(t *testing.T) {
	w, err := New(English, Custom{
		Type: client.EventLoginCode, Title: "{{.Account}}:\n scan", Text: `until {{clock "15:04" .Until}}{{with .Link}} {{.}}{{end}}`,
	}, Custom{
		Type: client.EventLoginRequired, GroupTitle: "{{len .Accounts}} dead", GroupText: "{{range .Accounts}}{{.Account}} {{end}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	d := Data{Type: client.EventLoginCode, Account: "main", Who: "main", Until: at, Link: "https://keeper.example.net/"}
	if title, text := w.Write(d); title != "main: scan" || text != "until 05:06 https://keeper.example.net/" {
		t.Errorf("%q, %q", title, text)
	}
	d.Type = client.EventLoginRequired
	if title, _ := w.Write(d); title != "main: the Bilibili login has died" {
		t.Errorf("the words for several were used for one: %q", title)
	}
	d.Accounts = []Data{d, {Account: "second"}}
	if title, text := w.Write(d); title != "2 dead" || text != "main second" {
		t.Errorf("%q, %q", title, text)
	}
}

// TestUsualWordsWhereOwnFail: a template that works on samples may still fail.
func TestUsualWordsWhereOwnFail(t *testing.T) {
	_, err := New(English, Custom{Type: client.EventLoginRequired, Title: "{{index .Accounts 5}}", Text: "{{if .Early}}early{{end}}"})
	if err == nil {
		t.Fatal("an index out of range was taken")
	}
	w, err := New(English, Custom{Type: client.EventLoginRequired, Text: "{{if not .Auto}}by hand{{end}}"})
	if err != nil {
		t.Fatal(err)
	}
	d := Data{Type: client.EventLoginRequired, Account: "main", Who: "main", Auto: true}
	if _, text := w.Write(d); !strings.Contains(text, "no longer logged in") {
		t.Errorf("a message without a text: %q", text)
	}
}

func TestBadTemplates(t *testing.T) {
	for part, own := range map[string]Custom{
		"type":        {Type: "login.scanned", Text: "x"},
		"title":       {Type: client.EventLoginCode, Title: "{{"},
		"text":        {Type: client.EventLoginCode, Text: "{{.Password}}"},
		"group_title": {Type: client.EventLoginCode, GroupTitle: "{{.Accounts.Nothing}}"},
		"group_text":  {Type: client.EventLoginCode, GroupText: "{{range .Accounts}}{{.URL}}{{end}}"},
	} {
		_, err := New(English, own)
		if bad, ok := errors.AsType[*TemplateError](err); !ok || bad.Part != part {
			t.Errorf("%s: %v", part, err)
		}
	}
}
