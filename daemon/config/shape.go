package config

import (
	"encoding"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// position is a line and a column in the file, counted from 1; the zero value is none.
type position struct{ line, column int }

// positions finds keys in the file by their path, such as "notify[0].url".
type positions map[string]position

// at returns where a key is, or, if it is left out, the table it belongs to.
func (p positions) at(key string) position {
	for key != "" {
		if found, ok := p[key]; ok {
			return found
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return position{}
}

// key returns the key at a position, "" if there is none.
func (p positions) key(at position) string {
	for key, found := range p {
		if found == at {
			return key
		}
	}
	return ""
}

// shape walks over the file before it is decoded: it records where each key
// is and compares keys and types with those of the root. The decoder does not
// tell where a value came from, stops at the first wrong type, names it as Go
// does, and takes keys in any case.
type shape struct {
	parser unstable.Parser
	// lines are the offsets at which lines begin.
	lines []int
	// root is the table at the top.
	root      reflect.Type
	positions positions
	counts    map[string]int
	problems  []Problem
	// fields are those of the tables that were met, by key.
	fields map[reflect.Type]map[string]reflect.Type
}

// readShape returns where the keys are and what is wrong with them. Where the
// file is no TOML at all, that is the only problem.
func readShape(data []byte, root reflect.Type) (positions, []Problem) {
	s := &shape{root: root, counts: make(map[string]int), fields: make(map[reflect.Type]map[string]reflect.Type)}
	s.parser.Reset(data)
	s.lines = []int{0}
	for i, b := range data {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.positions = make(positions, len(s.lines))
	table, path := root, ""
	for s.parser.NextExpression() {
		e := s.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, path = s.header(e)
		case unstable.KeyValue:
			s.keyValue(e, table, path)
		}
	}
	if err := s.parser.Error(); err != nil {
		return s.positions, []Problem{s.syntax(err)}
	}
	return s.positions, s.problems
}

// header enters a [table] or a [[list of tables]]. It returns a nil type where
// the table is unknown, so that its keys are not complained about as well.
func (s *shape) header(e *unstable.Node) (reflect.Type, string) {
	t, path := s.root, ""
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		last := keys.IsLast()
		next, ok := s.field(t, string(k.Data))
		if !ok {
			s.unknown(k, t, path)
			return nil, ""
		}
		t, path = next, setting.Join(path, string(k.Data))
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
			if last && e.Kind == unstable.Table {
				s.wrong(k, path, "is a list of tables", "write [["+path+"]]")
				return nil, ""
			}
			if last {
				s.counts[path]++
			}
			t, path = t.Elem(), itemOf(path, max(s.counts[path], 1)-1)
		} else if t.Kind() != reflect.Struct && t.Kind() != reflect.Map || textual(t) {
			s.wrong(k, path, "is no table", "write "+string(k.Data)+" = …")
			return nil, ""
		} else if last && e.Kind == unstable.ArrayTable {
			s.wrong(k, path, "is a single table", "write ["+path+"]")
			return nil, ""
		}
		s.record(k, path)
	}
	return t, path
}

func (s *shape) keyValue(e *unstable.Node, t reflect.Type, path string) {
	if t == nil {
		return
	}
	keys := e.Key()
	var k *unstable.Node
	for keys.Next() {
		k = keys.Node()
		next, ok := s.field(t, string(k.Data))
		if !ok {
			s.unknown(k, t, path)
			return
		}
		t, path = next, setting.Join(path, string(k.Data))
		s.record(k, path)
	}
	s.value(e.Value(), t, k, path)
}

// value compares a value with the type of its key k.
func (s *shape) value(v *unstable.Node, t reflect.Type, k *unstable.Node, path string) {
	if textual(t) {
		s.text(v, t, k, path)
		return
	}
	if t == reflect.TypeFor[Commands]() {
		s.commands(v, k, path)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if v.Kind != unstable.InlineTable {
			s.wrong(k, path, "is a table, not a value", "write "+headerOf(path))
			return
		}
		fields := v.Children()
		for fields.Next() {
			s.keyValue(fields.Node(), t, path)
		}
	case reflect.Slice:
		if v.Kind != unstable.Array {
			s.wrong(k, path, "must be a list", `write `+string(k.Data)+` = [ … ]`)
			return
		}
		s.items(v, k, path, func(*unstable.Node) reflect.Type { return t.Elem() })
	case reflect.Map:
		if v.Kind != unstable.InlineTable {
			s.wrong(k, path, "is a table, not a value", "write "+string(k.Data)+" = { Name = \"value\" }")
			return
		}
		fields := v.Children()
		for fields.Next() {
			s.keyValue(fields.Node(), t, path)
		}
	case reflect.String:
		s.kind(v, unstable.String, k, path, "must be a text", "put it in quotes")
	case reflect.Int, reflect.Int64:
		s.kind(v, unstable.Integer, k, path, "must be a whole number", plainly(v, isWhole, "write a number, such as 3"))
	case reflect.Bool:
		s.kind(v, unstable.Bool, k, path, "must be true or false", plainly(v, isBool, "write true or false"))
	}
}

// items compares the items of a list with the type of each.
func (s *shape) items(v, k *unstable.Node, path string, of func(item *unstable.Node) reflect.Type) {
	items, i := v.Children(), 0
	for items.Next() {
		item, at := items.Node(), k
		if item.Kind == unstable.Comment {
			continue
		}
		itemPath := itemOf(path, i)
		if first := firstOf(item); first != nil {
			at = first
			s.record(first, itemPath)
		}
		s.value(item, of(item), at, itemPath)
		i++
	}
}

// firstOf returns the node that tells where a value is, nil if none does: a list
// is where its first item is, and one without items nowhere.
func firstOf(v *unstable.Node) *unstable.Node {
	if v.Kind == unstable.Array {
		items := v.Children()
		for items.Next() {
			if item := items.Node(); item.Kind != unstable.Comment {
				return firstOf(item)
			}
		}
	}
	if v.Raw.Length > 0 {
		return v
	}
	return nil
}

// commands checks the form of a list of words, or of such lists.
func (s *shape) commands(v, k *unstable.Node, path string) {
	hint := `write ["program", "argument"], or [["program"], ["another"]] for several`
	if v.Kind != unstable.Array {
		s.wrong(k, path, "must be a list", hint)
		return
	}
	lists, words := 0, 0
	s.items(v, k, path, func(item *unstable.Node) reflect.Type {
		if item.Kind == unstable.Array {
			lists++
			return reflect.TypeFor[[]string]()
		}
		words++
		return reflect.TypeFor[string]()
	})
	if lists > 0 && words > 0 {
		s.wrong(k, path, "mixes words and lists", hint)
	}
}

func (s *shape) kind(v *unstable.Node, want unstable.Kind, k *unstable.Node, path, what, hint string) {
	if v.Kind != want {
		s.wrong(k, path, what, hint)
	}
}

// text checks a value that is written as a text of a form of its own.
func (s *shape) text(v *unstable.Node, t reflect.Type, k *unstable.Node, path string) {
	hint := `write "30m", "8h" or "2d"`
	switch t {
	case reflect.TypeFor[Quiet]():
		hint = `write "23:30-08:00", or "" for none`
	case reflect.TypeFor[Rate]():
		hint = `write "20/1m", or "" for the usual one`
	}
	if v.Kind != unstable.String {
		s.wrong(k, path, "must be a text", hint)
		return
	}
	into := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if err := into.UnmarshalText(v.Data); err != nil {
		s.wrong(k, path, err.Error(), hint)
	}
}

func (s *shape) record(k *unstable.Node, path string) { s.positions[path] = s.where(k.Raw) }

func (s *shape) where(r unstable.Range) position {
	// The parser's own answer counts the lines from the beginning each time.
	at := int(r.Offset)
	line := sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > at })
	return position{line: line, column: at - s.lines[line-1] + 1}
}

func (s *shape) wrong(k *unstable.Node, path, what, hint string) {
	at := s.where(k.Raw)
	s.problems = append(s.problems, Problem{Line: at.line, Column: at.column, Key: path, What: what, Hint: hint})
}

func (s *shape) unknown(k *unstable.Node, t reflect.Type, path string) {
	name := string(k.Data)
	shown := setting.Clip(name)
	if !ValidName(shown) {
		// A key in quotes may hold anything, a line break for example.
		shown = strconv.Quote(shown)
	}
	s.wrong(k, setting.Join(path, shown), "is not a known key", suggest(s.root, t, path, name))
}

// itemOf is the path of an item of a list.
func itemOf(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// headerOf returns the header that a table is written with.
func headerOf(path string) string {
	if strings.HasSuffix(path, "]") {
		return "[[" + path[:strings.LastIndexByte(path, '[')] + "]]"
	}
	return "[" + path + "]"
}

// field returns the type of a key of a table.
func (s *shape) field(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	fields, known := s.fields[t]
	if !known {
		fields = make(map[string]reflect.Type)
		if t.Kind() == reflect.Struct && !textual(t) {
			for f := range t.Fields() {
				fields[setting.KeyOf(f)] = f.Type
			}
			delete(fields, "") // those without a key
		}
		s.fields[t] = fields
	}
	found, ok := fields[key]
	return found, ok
}

func textual(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// suggest says what was probably meant by an unknown key of a table: one of
// the table's own keys that looks alike, or the same key where it belongs.
func suggest(root, t reflect.Type, path, name string) string {
	own := keysOf(t)
	if slices.Contains(own, name+"_file") {
		return "write " + name + "_file, which names a file that holds it"
	}
	if near := setting.Nearest(name, own); near != "" {
		return "did you mean " + near + "?"
	}
	tables := make(map[string]string)
	var elsewhere []string
	for _, full := range allKeys(root, "") {
		i := strings.LastIndexByte(full, '.')
		table, key := full[:max(i, 0)], full[i+1:]
		// The keys of list entries are too common to guess by.
		if _, taken := tables[key]; !taken && !strings.HasSuffix(table, "]]") {
			tables[key] = table
			elsewhere = append(elsewhere, key)
		}
	}
	if table, ok := tables[name]; ok && table == "" {
		return "it belongs at the top, before the first [table]"
	} else if ok {
		return "it belongs in [" + table + "]"
	}
	if near := setting.Nearest(name, elsewhere); near != "" && tables[near] != "" {
		return "did you mean " + near + " in [" + tables[near] + "]?"
	}
	if len(own) == 0 {
		return "there is nothing below " + path
	}
	return "known here: " + strings.Join(own, ", ")
}

func keysOf(t reflect.Type) []string {
	var keys []string
	if t.Kind() != reflect.Struct || textual(t) {
		return nil
	}
	for _, f := range setting.Fields(t) {
		keys = append(keys, setting.KeyOf(f))
	}
	return keys
}

// allKeys lists every key that holds a value, with its table; the tables of a
// list are written as [[list]].
func allKeys(t reflect.Type, path string) []string {
	var keys []string
	for f := range t.Fields() {
		full := setting.Join(path, setting.KeyOf(f))
		switch {
		case f.Type.Kind() == reflect.Struct && !textual(f.Type):
			keys = append(keys, allKeys(f.Type, full)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			keys = append(keys, allKeys(f.Type.Elem(), "[["+full+"]]")...)
		default:
			keys = append(keys, full)
		}
	}
	return slices.Clip(keys)
}
