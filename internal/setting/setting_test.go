package setting

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type shared struct {
	URL     string `toml:"url" mask:"path"`
	URLFile string `toml:"url_file"`
}

type table struct {
	shared
	Proxy   string            `toml:"proxy" mask:"proxy"`
	Home    string            `toml:"home" mask:"user"`
	Service string            `toml:"service" mask:"service"`
	Topic   string            `toml:"topic" mask:"text"`
	Number  int               `toml:"number"`
	To      []string          `toml:"to"`
	Headers map[string]string `toml:"headers" mask:"values"`
	Own     string
}

func (t *table) Check(f *Faults) {
	if t.Number > 9 {
		f.Within("number", t.Number, 1, 9)
	}
}

func TestMasked(t *testing.T) {
	const canary = "canary"
	full := table{
		shared: shared{URL: "https://u:canary@example.net:1/canary?canary#canary"}, Proxy: "socks5://u:canary@127.0.0.1:1080",
		Home: "https://canary@example.net/page?canary", Service: "generic+https://canary@example.net/canary", Topic: canary,
		To: []string{"a"}, Headers: map[string]string{"X": canary}, Number: 5,
	}
	want := table{
		shared: shared{URL: "https://example.net:1/redacted"}, Proxy: "socks5://127.0.0.1:1080", Home: "https://example.net/page",
		Service: "generic+https://redacted", Topic: "redacted", To: []string{"a"}, Headers: map[string]string{"X": "redacted"}, Number: 5,
	}
	for name, got := range map[string]table{"a value": Masked(full), "a pointer": *Masked(&full)} {
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(table{}, shared{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if full.Headers["X"] != canary || full.Topic != canary {
		t.Error("the original was changed")
	}
	bad := Masked(table{shared: shared{URL: canary}, Proxy: canary, Home: canary, Service: canary})
	if text := fmt.Sprint(bad); strings.Contains(text, canary) || strings.Count(text, "redacted.invalid") != 4 {
		t.Errorf("what cannot be read is printed as %s", text)
	}
	if empty := Masked(table{}); Given(empty) != nil {
		t.Errorf("nothing is masked as %v", empty)
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"abc": "", " abc\t\r\n": "", "a\"b": "", "": "is empty", " \n": "is empty", "a b": "more than one word",
		"\"abc\"": "quotes", "'abc'\n": "quotes", "\"abc": "quotes", "“abc”": "quotes", "a\x00b\x00": "no plain text", "\xff\xfea": "no plain text",
		"\"a b\"": "quotes", "a\ufeff": "no plain text",
	} {
		got, err := Word(text)
		if want == "" && (err != nil || got != strings.TrimSpace(text)) || want != "" && (err == nil || !strings.Contains(err.Error(), want) || got != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestKeysOfATable(t *testing.T) {
	if got := Given(&table{To: []string{}, Number: 1, Own: "x", shared: shared{URL: "a"}}); !slices.Equal(got, []string{"url", "number"}) {
		t.Errorf("given are %q", got)
	}
	full := &table{shared: shared{URLFile: "a"}}
	for key, path := range Paths(full) {
		*path = key + "!"
	}
	if full.URLFile != "url_file!" {
		t.Errorf("%+v", full)
	}
}

func TestKind(t *testing.T) {
	kind := Kind{Name: "x", Needs: []string{"url|url_file", "number", "to"}, New: func() Keys { return new(table) }}
	tests := []struct {
		name    string
		keys    table
		strange []string
		secret  bool
		want    string
	}{
		{"nothing", table{}, nil, false, `n.url: is missing; write url = "https://…" or url_file = "…"` + "\n" + `n.number: is missing; write number = …` + "\n" + `n.to: is missing; write to = ["…"]`},
		{"a secret", table{Number: 1, To: []string{"a"}}, nil, true, `n.url: is missing; write url_file = "…"`},
		{"both", table{shared: shared{"a", "b"}, Number: 1, To: []string{"a"}}, nil, false, "n.url_file: is given beside url; remove one of them"},
		{"strange", table{shared: shared{"a", ""}, Number: 1, To: []string{"a"}}, []string{"host"}, false, "n.host: means nothing to a channel of type x; remove it"},
		{"a value", table{shared: shared{"", "~/a"}, Number: 10, To: []string{"a"}}, nil, false,
			`n.url_file: starts with "~", which only a shell understands; write the directory out` + "\nn.number: 10 is out of range; from 1 to 9"},
		{"right", table{shared: shared{"a", ""}, Number: 1, To: []string{"a"}}, nil, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f Faults
			kind.SecretURL = tt.secret
			kind.Check(&tt.keys, tt.strange, f.Table("n"))
			var got []string
			for _, found := range f.Found() {
				got = append(got, found.Key+": "+found.Error())
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
