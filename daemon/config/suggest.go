package config

import (
	"reflect"
	"slices"
	"strings"
)

// suggest says what was probably meant by an unknown key of a table: one of
// the table's own keys that looks alike, or the same key where it belongs.
func suggest(t reflect.Type, path, name string) string {
	own := keysOf(t)
	if slices.Contains(own, name+"_file") {
		return "write " + name + "_file, which names a file that holds it"
	}
	if near := Nearest(name, own); near != "" {
		return "did you mean " + near + "?"
	}
	tables := make(map[string]string)
	var elsewhere []string
	for _, full := range allKeys(reflect.TypeFor[Config](), "") {
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
	if near := Nearest(name, elsewhere); near != "" && tables[near] != "" {
		return "did you mean " + near + " in [" + tables[near] + "]?"
	}
	if len(own) == 0 {
		return "there is nothing below " + path
	}
	return "known here: " + strings.Join(own, ", ")
}

// Nearest returns the candidate that is the fewest keystrokes away, "" if all
// of them are far.
func Nearest(name string, candidates []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c), least); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance, or limit where it is that or more.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}

func keysOf(t reflect.Type) []string {
	var keys []string
	if t.Kind() != reflect.Struct || textual(t) {
		return nil
	}
	for f := range t.Fields() {
		if key := keyOf(f); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// allKeys lists every key that holds a value, with its table; the tables of a
// list are written as [[list]].
func allKeys(t reflect.Type, path string) []string {
	var keys []string
	for f := range t.Fields() {
		full := join(path, keyOf(f))
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
