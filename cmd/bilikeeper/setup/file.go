package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// file is the configuration as text.
type file struct {
	path   string
	text   []byte
	exists bool
	mode   os.FileMode
	config config.Config
	// deferred is true where files that the text names are there only for the
	// service, so that they cannot be looked at here.
	deferred bool
	// before is what the last change was made to.
	before *file
}

const firstLines = `# The configuration of bilikeeper. What is not here has its default; all keys are
# in the file that this prints: bilikeeper config init --stdout
`

// openFile reads the configuration. One that does not load is a person's to mend:
// to write into it could make it worse.
func openFile(path string, mode os.FileMode, deferred bool) (*file, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f := &file{path: path, mode: mode, deferred: deferred}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.config = config.Default()
		return f, nil
	case err != nil:
		return nil, cannotRead(err)
	}
	if info, err := os.Stat(path); err == nil {
		f.mode = info.Mode().Perm()
	}
	f.text, f.exists = data, true
	f.config, err = config.Parse(data, path, daemon.Checks())
	return f, err
}

// line is a key and its value, written as TOML.
type line struct{ key, value string }

// put sets keys of the entry of that name in a list of tables, and adds the entry
// where there is none. It reports whether that changed the file.
func (f *file) put(table, name string, lines []line) (bool, error) {
	text, err := f.edited(table, name, lines)
	if err != nil {
		return false, err
	}
	next, err := config.Parse(text, f.path, daemon.Checks())
	if err != nil {
		return false, fmt.Errorf("the configuration would not load: %w", err)
	}
	changed := f.config.Changes(next)
	if f.exists && len(changed) == 0 && holds(text, table, name, lines) {
		return false, nil
	}
	if slices.ContainsFunc(changed, func(key string) bool { return key != table+"."+name }) || !holds(text, table, name, lines) {
		return false, cli.Fail(cli.ExitFailed, "change it by hand, then run: bilikeeper config check", "[[%s]] %s in %s is written in a way that cannot be changed here", table, name, f.path)
	}
	before := *f
	if err := f.write(text); err != nil {
		return false, err
	}
	f.text, f.exists, f.config, f.before = text, true, next, &before
	return true, nil
}

// undo takes the last change back, which the keeper did not take.
func (f *file) undo() error {
	if f.before == nil {
		return nil
	}
	before := f.before
	f.before = nil
	if !before.exists {
		return os.Remove(f.path)
	}
	text := before.text
	before.text = f.text // what is there now
	if err := before.write(text); err != nil {
		return err
	}
	f.text, f.config = text, before.config
	return nil
}

// write puts the text in the file's place. What it names is looked at before.
func (f *file) write(text []byte) error {
	if now, err := os.ReadFile(f.path); f.exists && (err != nil || !bytes.Equal(now, f.text)) {
		return cli.Fail(cli.ExitFailed, "run it again", "%s was changed meanwhile", f.path)
	}
	if err := durable.MkdirAll(filepath.Dir(f.path), dirMode(f.mode)); err != nil {
		return cannotWrite(err)
	}
	var opts []durable.Option
	if f.exists {
		opts = ownerOf(f.path)
	}
	temp := durable.TempName(f.path)
	defer os.Remove(temp)
	if err := durable.WriteFile(temp, text, f.mode, opts...); err != nil {
		return cannotWrite(err)
	}
	if !f.deferred {
		if _, err := config.Load(temp, daemon.Checks()); err != nil {
			if wrong, ok := errors.AsType[*config.Error](err); ok {
				wrong.File = f.path
			}
			return fmt.Errorf("the configuration would not load: %w", err)
		}
	}
	if err := durable.Publish(temp, f.path); err != nil {
		return cannotWrite(err)
	}
	return nil
}

// dirMode is the mode of a directory for a file that has one.
func dirMode(file os.FileMode) os.FileMode {
	if file&0o044 != 0 {
		return 0o755
	}
	return 0o700
}

func cannotWrite(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return cli.Fail(cli.ExitNotPermitted, notMine, "the configuration cannot be written: %w", err)
	}
	return cli.Fail(cli.ExitFailed, "", "the configuration cannot be written: %w", err)
}

func cannotRead(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return cli.Fail(cli.ExitNotPermitted, notMine, "the configuration cannot be read: %w", err)
	}
	return cli.Fail(cli.ExitFailed, "", "the configuration cannot be read: %w", err)
}

const notMine = "run this as the user whose configuration it is; sudo for the machine's"

// edited is the text with the entry in it.
func (f *file) edited(table, name string, lines []line) ([]byte, error) {
	at, found := locate(f.text, table, name)
	end := "\n"
	if bytes.Contains(f.text, []byte("\r\n")) {
		end = "\r\n"
	}
	if !found {
		var b strings.Builder
		if len(f.text) == 0 {
			b.WriteString(firstLines)
		} else if b.Write(f.text); !bytes.HasSuffix(f.text, []byte("\n")) {
			b.WriteString(end)
		}
		b.WriteString(end + "[[" + table + "]]" + end)
		for _, l := range lines {
			b.WriteString(l.key + " = " + l.value + end)
		}
		return []byte(b.String()), nil
	}
	// From the last to the first, so that what is before stays where it is.
	text := slices.Clone(f.text)
	var missing strings.Builder
	changes := []place{}
	for _, l := range lines {
		if p, ok := at.keys[l.key]; ok {
			p.value = l.value
			changes = append(changes, p)
			continue
		}
		missing.WriteString(l.key + " = " + l.value + end)
	}
	if missing.Len() > 0 {
		changes = append(changes, place{line: at.body, inserted: missing.String()})
	}
	slices.SortStableFunc(changes, func(a, b place) int { return b.line - a.line })
	for _, p := range changes {
		text = p.set(text)
	}
	return text, nil
}

// entry is where an entry of a list of tables stands in a text.
type entry struct {
	// body is where further keys go, behind the line of its name; keys is where the
	// line of each key begins.
	body int
	keys map[string]place
}

// place is the line of a key, and the value that it gets; or where lines are
// inserted.
type place struct {
	line     int
	value    string
	inserted string
}

// valueLine is a key with a value on one line, and perhaps a comment behind it.
var valueLine = lazyregexp.New(`^(\s*[^=]+?\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|[^#\s"'\[]+)(\s*(?:#.*)?)$`)

// set puts the value in the place of the one that is there. A line of another form
// stays; that it does not say what it should is seen when the text is parsed.
func (p place) set(text []byte) []byte {
	if p.inserted != "" {
		if p.line == len(text) && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
			p.line++
		}
		return slices.Insert(text, p.line, []byte(p.inserted)...)
	}
	rest := text[p.line:]
	n := bytes.IndexAny(rest, "\r\n")
	if n < 0 {
		n = len(rest)
	}
	m := valueLine().FindSubmatch(rest[:n])
	if m == nil {
		return text
	}
	return slices.Concat(text[:p.line], m[1], []byte(p.value), m[3], rest[n:])
}

// locate finds the entry of that name.
func locate(text []byte, table, name string) (entry, bool) {
	var parser unstable.Parser
	parser.Reset(text)
	var now, found entry
	inside, ok := false, false
	for parser.NextExpression() {
		e := parser.Expression()
		keys := e.Key()
		if !keys.Next() {
			continue
		}
		first := keys.Node()
		switch {
		case e.Kind == unstable.ArrayTable || e.Kind == unstable.Table:
			inside = e.Kind == unstable.ArrayTable && keys.IsLast() && string(first.Data) == table
			now = entry{keys: map[string]place{}}
		case e.Kind == unstable.KeyValue && inside:
			now.keys[string(first.Data)] = place{line: bytes.LastIndexByte(text[:first.Raw.Offset], '\n') + 1}
			if !ok && string(first.Data) == "name" && string(e.Value().Data) == name {
				now.body = lineEnd(text, int(first.Raw.Offset))
				found, ok = now, true // its further keys come into the same map
			}
		}
	}
	return found, ok && parser.Error() == nil
}

// lineEnd is where the line after a position begins.
func lineEnd(text []byte, at int) int {
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(text)
}

// holds reports whether an entry says what it should.
func holds(text []byte, table, name string, lines []line) bool {
	var whole map[string]any
	if toml.Unmarshal(text, &whole) != nil {
		return false
	}
	entries, _ := whole[table].([]any)
	i := slices.IndexFunc(entries, func(e any) bool {
		m, ok := e.(map[string]any)
		return ok && m["name"] == name
	})
	if i < 0 {
		return false
	}
	for _, l := range lines {
		var one map[string]any
		if toml.Unmarshal([]byte(l.key+" = "+l.value), &one) != nil || !reflect.DeepEqual(one[l.key], entries[i].(map[string]any)[l.key]) {
			return false
		}
	}
	return true
}

// quoted is a text as TOML has it.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
