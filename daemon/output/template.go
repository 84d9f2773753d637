package output

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// What a template may take. A text in a configuration is short; these are for
// one that is wrong, or that came over the socket.
const (
	maxTemplate     = 64 << 10
	maxTemplateText = 256 << 10 // of what it writes, and of any value in it
	maxTemplateTime = time.Second
	maxRounds       = 10_000
)

// Errors inside a template. Their texts are all that is told of them.
var (
	errTooLong  = errors.New("it writes too much")
	errTooSlow  = errors.New("it takes too long")
	errNoVerb   = errors.New("printf knows %s, %d, %v and %q, without widths")
	errNotTime  = errors.New("unix wants a time")
	errDisabled = errors.New("this function is not available here")
)

// CheckTemplate reports what is wrong with the text of a template before there
// is a credential to render.
func CheckTemplate(text string) error {
	_, err := parseTemplate(text, &limits{})
	return err
}

// fill executes a text/template over the data of the format json, under the
// same names: {{.account}}, {{range .cookies}}{{.name}}{{end}}. Times are texts
// as they are there; a time that is not known is "".
func fill(c keeper.Credential, o Options) ([]byte, error) {
	l := &limits{credential: c, until: time.Now().Add(maxTemplateTime)}
	t, err := parseTemplate(o.Template, l)
	if err != nil {
		return nil, err
	}
	if err := t.Execute(l, data(c)); err != nil {
		return nil, &Error{What: "template: " + Redact(c, templateReason(err)), Err: ErrTemplate}
	}
	return l.out.Bytes(), nil
}

func parseTemplate(text string, l *limits) (*template.Template, error) {
	switch {
	case text == "":
		return nil, &Error{What: "template: there is no text", Err: ErrTemplate}
	case len(text) > maxTemplate:
		return nil, &Error{What: "template: the text is longer than 64 KiB", Err: ErrTemplate}
	}
	t, err := template.New("template").Option("missingkey=error").Funcs(l.functions()).Parse(text)
	if err != nil {
		return nil, &Error{What: err.Error(), Err: ErrTemplate}
	}
	return t, countRounds(t, l)
}

// templateReason drops the frame that text/template puts around an error of a
// function, which repeats a good part of the text.
func templateReason(err error) string {
	for _, own := range []error{errTooLong, errTooSlow, errNoVerb, errNotTime, errDisabled} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	return strings.TrimPrefix(err.Error(), "template: ")
}

func data(c keeper.Credential) map[string]any {
	cookies := []map[string]any{}
	for _, k := range c.Cookies {
		cookies = append(cookies, map[string]any{
			"name": k.Name, "value": k.Value.Reveal(), "domain": k.Domain, "path": path(k), "expires": timeText(k.Expires),
			"http_only": k.HTTPOnly, "secure": k.Secure, "same_site": k.SameSite,
		})
	}
	data := map[string]any{
		"account": c.Account, "site": c.Site, "mid": c.Mid, "uname": c.Uname, "generation": c.Generation,
		"issued_at": timeText(c.IssuedAt), "expires_at": timeText(c.ExpiresAt), "user_agent": c.UserAgent, "cookies": cookies,
	}
	if !c.RefreshToken.IsZero() {
		data["refresh_token"] = c.RefreshToken.Reveal()
	}
	return data
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// limits watches over one execution. It is the writer, too.
type limits struct {
	credential keeper.Credential
	until      time.Time
	rounds     int
	out        bytes.Buffer
}

func (l *limits) Write(p []byte) (int, error) {
	if l.out.Len()+len(p) > maxTemplateText {
		return 0, errTooLong
	}
	return l.out.Write(p)
}

// round is called at the start of each round of a loop and of each template
// that another one calls. Nothing else can make a template run for long.
func (l *limits) round() (string, error) {
	l.rounds++
	if l.rounds > maxRounds || time.Now().After(l.until) {
		return "", errTooSlow
	}
	return "", nil
}

// text bounds a value, and the time, since each value is made by one of the
// functions: doubled forty times, one byte is a terabyte.
func (l *limits) text(s string, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case len(s) > maxTemplateText:
		return "", errTooLong
	case time.Now().After(l.until):
		return "", errTooSlow
	}
	return s, nil
}

const roundName = "_round"

// functions are those of this package and bounded ones in the place of
// text/template's own.
func (l *limits) functions() template.FuncMap {
	disabled := func(...any) (string, error) { return "", errDisabled }
	return template.FuncMap{
		roundName: l.round,
		"header":  func() (string, error) { return l.text(line(l.credential), nil) },
		"cookie":  func(name string) string { return l.credential.Value(name) },
		"uid":     func() string { return uid(l.credential) },
		"json":    l.json,
		"shell":   func(s string) (string, error) { return l.text(shellQuote(s), nil) },
		"base64":  func(s string) (string, error) { return l.text(base64.StdEncoding.EncodeToString([]byte(s)), nil) },
		"decode":  func(s string) (string, error) { return l.text(url.PathUnescape(s)) },
		"unix":    unixTime,
		"print":   func(args ...any) (string, error) { return l.text(fmt.Sprint(args...), nil) },
		"println": func(args ...any) (string, error) { return l.text(fmt.Sprintln(args...), nil) },
		"printf":  l.printf,
		"urlquery": func(args ...any) (string, error) {
			return l.text(url.QueryEscape(fmt.Sprint(args...)), nil)
		},
		"html": disabled, "js": disabled, "call": disabled, "slice": disabled,
	}
}

func (l *limits) json(v any) (string, error) {
	b, err := json.Marshal(v)
	return l.text(string(b), err)
}

// verbs is all that printf needs here; a width would make a long text of a
// short one.
var verbs = lazyregexp.New(`^([^%]|%[sdvq%])*$`)

func (l *limits) printf(form string, args ...any) (string, error) {
	if !verbs().MatchString(form) {
		return "", errNoVerb
	}
	return l.text(fmt.Sprintf(form, args...), nil)
}

func unixTime(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, errNotTime
	}
	return t.Unix(), nil
}

// countRounds puts a call of round where text/template has no bound of its own:
// it ends no loop, and a template can call itself.
func countRounds(t *template.Template, l *limits) error {
	counter, err := template.New("").Funcs(l.functions()).Parse("{{" + roundName + "}}")
	if err != nil {
		return err
	}
	call := counter.Root.Nodes[0]
	for _, each := range t.Templates() {
		if each.Tree != nil && each.Root != nil {
			instrument(each.Root, call)
			each.Root.Nodes = append([]parse.Node{call.Copy()}, each.Root.Nodes...)
		}
	}
	return nil
}

func instrument(list *parse.ListNode, call parse.Node) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.IfNode:
			instrument(n.List, call)
			instrument(n.ElseList, call)
		case *parse.WithNode:
			instrument(n.List, call)
			instrument(n.ElseList, call)
		case *parse.RangeNode:
			instrument(n.List, call)
			instrument(n.ElseList, call)
			n.List.Nodes = append([]parse.Node{call.Copy()}, n.List.Nodes...)
		}
	}
}
