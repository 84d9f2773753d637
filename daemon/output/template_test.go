package output_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/output"
)

func TestTemplateRefused(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "there is no text"},
		{"broken", "{{.account", "unclosed action"},
		{"no such function", `{{env "HOME"}}`, "not defined"},
		{"no such name", "{{.acount}}", "acount"},
		{"the token, unasked", "{{.refresh_token}}", "refresh_token"},
		{"an endless loop", "{{range 1000000000000}}{{end}}", "too long"},
		{"loops in loops", "{{range 9999}}{{range 9999}}{{range 9999}}{{end}}{{end}}{{end}}", "too long"},
		{"an endless loop in a branch", "{{if true}}{{with 1}}{{range 1000000000}}{{end}}{{end}}{{end}}", "too long"},
		{"itself", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "too long"},
		{"templates that double", doubling(), "too long"},
		{"much text", "{{range 9999}}" + strings.Repeat("x", 99) + "{{end}}", "too much"},
		{"a value that doubles", `{{$x := "0123456789"}}{{range 60}}{{$x = print $x $x}}{{end}}`, "too much"},
		{"by printf", `{{$x := "0123456789"}}{{range 60}}{{$x = printf "%s%s" $x $x}}{{end}}`, "too much"},
		{"a width", `{{printf "%1000000d" 1}}`, "printf knows"},
		{"a width from outside", `{{printf "%*d" 1000000 1}}`, "printf knows"},
		{"js", `{{js "<"}}`, "not available"},
		{"call", `{{call .account}}`, "not available"},
		{"long", strings.Repeat("x", 70_000), "64 KiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			_, err := output.Render("template", sample(), output.Options{Template: tt.text})
			if !errors.Is(err, output.ErrTemplate) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), sessdata) {
				t.Errorf("a value is in the error: %v", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// doubling calls two templates from each, thirty deep, and writes nothing.
func doubling() string {
	var b strings.Builder
	names := "abcdefghijklmnopqrstuvwxyzABCD"
	for i := range names[1:] {
		next := `{{template "` + names[i+1:i+2] + `"}}`
		b.WriteString(`{{define "` + names[i:i+1] + `"}}` + next + next + "{{end}}")
	}
	return b.String() + `{{define "D"}}{{end}}{{template "a"}}`
}

func TestCheckTemplate(t *testing.T) {
	if err := output.CheckTemplate("{{header}}"); err != nil {
		t.Error(err)
	}
	if err := output.CheckTemplate("{{headr}}"); !errors.Is(err, output.ErrTemplate) {
		t.Errorf("got %v", err)
	}
	if _, err := output.Render("json", sample(), output.Options{Template: "x"}); !errors.Is(err, output.ErrTemplate) {
		t.Errorf("got %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{sampleTemplate, "{{range .cookies}}{{break}}{{end}}", "{{range 3}}{{else}}{{end}}", doubling(),
		`{{define "a"}}{{end}}{{block "b" .}}{{end}}`, `{{index .cookies 9}}`, `{{decode "%zz"}}`, `{{unix .account}}`, "{{_round}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := output.Render("template", sample(), output.Options{Template: text})
		if err != nil && !errors.Is(err, output.ErrTemplate) {
			t.Errorf("got %v", err)
		}
		if len(r.Body) > 256<<10 || strings.Contains(string(r.Body), token) {
			t.Errorf("%d bytes", len(r.Body))
		}
	})
}
