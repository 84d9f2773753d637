package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/chinese"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// Language is what people are spoken to in. The zero value is English, in which
// all texts are written; another is looked up by the English one.
type Language struct{ chinese bool }

// The languages that there are.
var (
	English = Language{}
	Chinese = Language{chinese: true}
)

// Text puts a text into the language and its values into the text. Errors and
// messages among the values are put into it, too.
func (l Language) Text(format string, args ...any) string {
	if !l.chinese {
		return fmt.Sprintf(format, args...)
	}
	if text, ok := chinese.Text(format); ok {
		format = text
	}
	return fmt.Sprintf(strings.ReplaceAll(format, "%w", "%s"), l.values(args)...)
}

func (l Language) values(args []any) []any {
	list := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case Message:
			list[i] = v.in(l)
		case error:
			list[i] = l.Error(v)
		default:
			list[i] = arg
		}
	}
	return list
}

// Heads are the heads of a table.
func (l Language) Heads(names ...string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = l.Told(name)
	}
	return list
}

// Told is a text that the keeper, the configuration or the system put together.
func (l Language) Told(text string) string {
	if !l.chinese || text == "" {
		return text
	}
	return chinese.Formed(text)
}

// Error is the text of an error.
func (l Language) Error(err error) string {
	text := err.Error()
	if !l.chinese {
		return text
	}
	if f, ok := err.(*Failure); ok {
		return f.in(l)
	}
	if c, ok := err.(*config.Error); ok {
		return l.faults(c)
	}
	if lines := strings.Split(text, "\n"); len(lines) > 1 {
		for i, line := range lines {
			lines[i] = l.Told(line)
		}
		return strings.Join(lines, "\n")
	}
	if told := chinese.Formed(text); told != text {
		return told
	}
	// What stands before another error is most often a name or a path.
	if inner := errors.Unwrap(err); inner != nil {
		if before, ok := strings.CutSuffix(text, inner.Error()); ok {
			return before + l.Error(inner)
		}
	}
	return text
}

// faults are those of a configuration, a line each.
func (l Language) faults(c *config.Error) string {
	var lines []string
	for _, p := range c.Problems {
		if p.What = l.Told(p.What); p.Hint != "" {
			p.What, p.Hint = p.What+"；"+l.Told(p.Hint), ""
		}
		one := config.Error{File: c.File, Problems: []config.Problem{p}}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Comments puts the comments of a configuration into the language.
func (l Language) Comments(file []byte) []byte {
	const columns = 76 // and what begins a comment
	if !l.chinese {
		return file
	}
	return []byte(chinese.Comments(string(file), func(text string) string { return Wrap(text, columns) }))
}

// Message is a text whose language is chosen when it is printed.
type Message struct {
	format string
	args   []any
}

// Format makes a message.
func Format(format string, args ...any) Message { return Message{format, args} }

// String is the message in English.
func (m Message) String() string { return m.in(English) }

// A text without values is none that takes any: it may be of somebody else.
func (m Message) in(l Language) string {
	if len(m.args) == 0 {
		return l.Told(m.format)
	}
	return l.Text(m.format, m.args...)
}

// Language is that of the person who runs the command. It is found when the first
// text is printed.
func (e *Env) Language() Language {
	e.language.once.Do(func() { e.language.found.chinese = locale(e) == config.LocaleChinese })
	return e.language.found
}

// locale is the configuration's, and where that leaves it open the environment's.
func locale(e *Env) string {
	if e.Getenv == nil {
		return config.LocaleEnglish
	}
	if given := namedLocale(e.Located().Config); given != "" && given != config.LocaleAuto {
		return config.CanonicalLocale(given)
	}
	// Texts are UTF-8: a terminal of another charset gets those that all have.
	if given := cmp.Or(e.Getenv("LC_ALL"), e.Getenv("LC_MESSAGES"), e.Getenv("LANG")); inUTF8(e.Getenv) {
		return config.CanonicalLocale(given)
	}
	return config.LocaleEnglish
}

// maxHead is where the keys before the first table have ended in any file.
const maxHead = 64 << 10

// namedLocale reads the language from a configuration and nothing else: it stands
// before the first table, so a long file is not read to its end.
func namedLocale(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(io.LimitReader(f, maxHead)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			break
		}
		if !strings.HasPrefix(line, "locale") {
			continue
		}
		var named struct {
			Locale string `toml:"locale"`
		}
		if toml.Unmarshal([]byte(line), &named) == nil && named.Locale != "" {
			return named.Locale
		}
	}
	return ""
}
