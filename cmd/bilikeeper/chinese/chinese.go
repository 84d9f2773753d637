// Package chinese has the texts of the command line in Chinese, each under the
// English one, as gettext has them: a text that takes values is known by its
// format. A file holds the texts of one area.
//
// The texts that other packages write, the comments of the configuration among
// them, are in package elsewhere.
//
// What decides which language is spoken may not come in, and no text that is only
// here: the tests want an entry for every text of the commands, and a source for
// every entry.
//
// What the package guarantees: a Chinese format takes the values of the English
// one, in its own order where it says so.
package chinese

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/chinese/elsewhere"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// Text returns the Chinese of a text or of a format, false where there is none.
func Text(english string) (string, bool) {
	text, ok := texts()[english]
	return text, ok
}

type area = elsewhere.Area

// areas are the texts that the commands and the doctor print.
func areas() []area {
	return append(elsewhere.Printed(), shared, accounts, accountsHelp, agent, configuration, deliveries, demonstration,
		journal, services, setup, vaults, vaultsHelp, accountPage, repairs, serviceStates)
}

var texts = sync.OnceValue(func() map[string]string {
	const about = 2048 // there are, so that the map need not grow
	all := make(map[string]string, about)
	for _, area := range append(areas(), elsewhere.Formed()...) {
		for _, t := range area {
			all[t.English] = t.Chinese
		}
	}
	return all
})

// Formed returns the Chinese of a text that was put together elsewhere: in
// another process, or in a package that knows no language. Its format is found by
// what does not change in it. The text itself is returned where none fits.
func Formed(text string) string {
	if known, ok := texts()[text]; ok {
		return known
	}
	for _, f := range formats() {
		values, ok := f.match(text)
		if !ok {
			continue
		}
		for i, nested := range f.nested {
			if nested {
				values[i] = Formed(values[i].(string))
			}
		}
		return fmt.Sprintf(f.chinese, values...)
	}
	// A word before a colon is a name: of an account, a file, a format.
	if name, rest, ok := strings.Cut(text, ": "); ok && !strings.ContainsAny(name, " ") {
		if told := Formed(rest); told != rest {
			return name + "：" + told
		}
	}
	return text
}

// format is a format taken apart.
type format struct {
	// fixed are the parts around the values.
	fixed []string
	// nested says of each value whether it is a text with a format of its own, a %w
	// or %v; number whether it is a number, a %d.
	nested, number []bool
	chinese        string
}

// verb is a value's place in a format.
var verb = lazyregexp.New(`%(\[\d+\])?[+#0 .\d-]*[a-z]`)

// formats are those of texts that are put together elsewhere, the most telling
// first.
var formats = sync.OnceValue(func() []format {
	var list []format
	add := func(areas []area, least int) {
		for _, area := range areas {
			for _, t := range area {
				if f := newFormat(t.English, t.Chinese); len(f.fixed) > 1 && f.letters() >= least {
					list = append(list, f)
				}
			}
		}
	}
	add(elsewhere.Formed(), 1)
	add(areas(), telling)
	slices.SortFunc(list, func(a, b format) int {
		return cmp.Or(b.letters()-a.letters(), slices.Compare(a.fixed, b.fixed))
	})
	return list
})

// telling is how long a text of the commands is around its values that is looked
// for in others' texts, too: "%s is %s" may be anything.
const telling = 12

func newFormat(english, text string) format {
	f := format{fixed: verb().Split(english, -1), chinese: verb().ReplaceAllString(text, "%${1}s")}
	for _, v := range verb().FindAllString(english, -1) {
		f.nested = append(f.nested, v == "%w" || v == "%v")
		f.number = append(f.number, v == "%d")
	}
	return f
}

func (f format) letters() int { return len(strings.Join(f.fixed, "")) }

// match returns the values in a text of this format.
func (f format) match(text string) ([]any, bool) {
	last := len(f.fixed) - 1
	rest, ok := strings.CutPrefix(text, f.fixed[0])
	if last == 0 {
		return nil, ok && rest == ""
	}
	if !ok || !strings.HasSuffix(rest, f.fixed[last]) {
		return nil, false
	}
	rest = strings.TrimSuffix(rest, f.fixed[last])
	var values []any
	for i, part := range f.fixed[1:] {
		value, after := rest, ""
		if i+1 < last {
			if value, after, ok = strings.Cut(rest, part); !ok {
				return nil, false
			}
		}
		if f.number[i] && strings.Trim(value, "-0123456789") != "" {
			return nil, false
		}
		// What a text begins with ends at a colon: another text stands behind it.
		if i == 0 && f.fixed[0] == "" && !f.nested[0] && strings.Contains(value, ": ") {
			return nil, false
		}
		values, rest = append(values, value), after
	}
	return values, true
}
