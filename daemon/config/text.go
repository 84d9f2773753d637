package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
)

// Text are a person's own words for one type of message.
type Text struct {
	Type       string `toml:"type"`
	Title      string `toml:"title,omitempty"`
	Text       string `toml:"text,omitempty"`
	GroupTitle string `toml:"group_title,omitempty"`
	GroupText  string `toml:"group_text,omitempty"`
}

// CustomTexts returns the texts as the writer of messages takes them.
func (c Config) CustomTexts() []catalog.Custom {
	var list []catalog.Custom
	for _, t := range c.Text {
		list = append(list, catalog.Custom(t))
	}
	return list
}

func (c Config) checkTexts(f *faults) {
	seen := make(map[string]bool)
	for i, t := range c.Text {
		key := fmt.Sprintf("text[%d]", i)
		switch {
		case t.Type == "":
			f.add(key+".type", "is missing", `write type = "login.code", or another type of message`)
			continue
		case seen[t.Type]:
			f.add(key+".type", fmt.Sprintf("%q has its own words already", clip(t.Type)), "make one entry of both")
			continue
		}
		seen[t.Type] = true
		before := len(f.problems)
		f.word(key+".type", t.Type, catalog.Types()...)
		if len(f.problems) > before {
			continue
		}
		_, err := catalog.New(catalog.English, catalog.Custom(t))
		if bad, ok := errors.AsType[*catalog.TemplateError](err); ok {
			f.add(key+"."+bad.Part, "is no template: "+strings.Join(strings.Fields(bad.Err.Error()), " "), `write "{{.Account}}: …"; the README lists the fields`)
		}
	}
}
