package cli

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Wrap breaks a text between words, so that a terminal does not break it inside
// one. Lines keep the indentation of the first; 0 columns is no limit.
func Wrap(text string, columns int) string {
	rest := strings.TrimLeft(text, " \n")
	indent := text[:len(text)-len(rest)]
	space := strings.TrimLeft(indent, "\n")
	return indent[:len(indent)-len(space)] + Hang(space, rest, columns, len(space))
}

// Hang breaks a text as Wrap does, behind what its first line begins with. The
// lines after that one are indented by a number of columns of their own. A command
// that follows a colon stays whole, so that it can be copied.
func Hang(first, text string, columns, indent int) string {
	used := visible(first)
	if columns == 0 || used+visible(text) <= columns && !strings.Contains(text, "\n") {
		return first + text
	}
	var done strings.Builder
	line := first
	for _, p := range phrases(text) {
		n := visible(p.text)
		if used > indent && used+p.blanks+n > columns {
			done.WriteString(strings.TrimRight(line, " ") + "\n")
			line, used, p.blanks = strings.Repeat(" ", indent), indent, 0
		}
		line += strings.Repeat(" ", p.blanks) + p.text
		used += p.blanks + n
	}
	return done.String() + line
}

// phrase is what stays on one line, and how many blanks are before it.
type phrase struct {
	text   string
	blanks int
}

// phrases are the parts of a text that a line may be broken between.
func phrases(text string) []phrase {
	var list []phrase
	for i, word := range strings.Fields(text) {
		for j, part := range pieces(word) {
			p := phrase{text: part}
			if i > 0 && j == 0 {
				p.blanks = 1
			}
			list = append(list, p)
		}
	}
	return joined(list)
}

// joined makes one phrase of each command: what begins behind a colon, up to its
// comment, to Chinese words, to the end of the clause or to that of the text.
func joined(list []phrase) []phrase {
	var all []phrase
	inside := false
	for i, p := range list {
		begin, _ := utf8.DecodeRuneInString(p.text)
		comment := i > 0 && list[i-1].text == "#"
		if inside = inside && begin != '#' && (p.blanks == 0 || !wide(begin)); inside || comment {
			last := &all[len(all)-1]
			last.text += strings.Repeat(" ", p.blanks) + p.text
		} else {
			inside = copied(list, i)
			all = append(all, p)
		}
		inside = inside && !endsClause(p.text)
	}
	return all
}

// copied reports whether a command, or a line of a configuration, begins at a
// phrase.
func copied(list []phrase, i int) bool {
	if i == 0 || !strings.HasSuffix(list[i-1].text, ":") && !strings.HasSuffix(list[i-1].text, "：") {
		return false
	}
	programs := []string{"bilikeeper", "chmod", "df", "getent", "journalctl", "kill", "loginctl", "mkdir", "sudo", "systemctl"}
	return slices.Contains(programs, list[i].text) || i+1 < len(list) && list[i+1].text == "="
}

func endsClause(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune(",;，；。", last)
}

// What does not begin a line, and what does not end one.
const (
	notFirst = "，。、：；！？）》」』】”’…％"
	notLast  = "（《「『【“‘"
)

// pieces are the parts of a word that a line may be broken between: Chinese has no
// blanks.
func pieces(word string) []string {
	var list []string
	start, before := 0, rune(0)
	for i, r := range word {
		if i > start && (wide(r) || wide(before)) && !strings.ContainsRune(notFirst, r) && !strings.ContainsRune(notLast, before) {
			list = append(list, word[start:i])
			start = i
		}
		before = r
	}
	return append(list, word[start:])
}
