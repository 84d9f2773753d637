package catalog

import (
	"errors"
	"fmt"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Configured returns the custom texts of a configuration.
func Configured(texts []config.Text) []Custom {
	var list []Custom
	for _, t := range texts {
		list = append(list, Custom(t))
	}
	return list
}

// Check tells what is wrong with the custom texts of a configuration.
func Check(texts []config.Text, f *setting.Faults) {
	seen := make(map[string]bool)
	for i, t := range texts {
		f := f.Table(fmt.Sprintf("text[%d]", i))
		switch {
		case t.Type == "":
			f.Add("type", "is missing", `write type = "login.code", or another type of message`)
			continue
		case seen[t.Type]:
			f.Add("type", fmt.Sprintf("%q has its own words already", setting.Clip(t.Type)), "make one entry of both")
			continue
		}
		seen[t.Type] = true
		if !f.Word("type", t.Type, Types()...) {
			continue
		}
		_, err := New(English, Custom(t))
		if bad, ok := errors.AsType[*TemplateError](err); ok {
			f.Add(bad.Part, "is no template: "+plain.Line(bad.Err.Error()), `write "{{.Account}}: …"; the README lists the fields`)
		}
	}
}
