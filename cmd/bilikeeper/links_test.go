package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
)

// prose is a page without its code.
func prose(text string) string {
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			b.WriteString(line)
		}
	}
	return b.String()
}

// anchors are those that a forge gives to the headings of a page: the letters,
// digits, underscores and hyphens of each, small, with hyphens for blanks.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(prose(text)) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' || r == '-':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, strings.TrimSpace(heading))
		unique := anchor
		for n := 1; found[unique]; n++ {
			unique = anchor + "-" + strconv.Itoa(n)
		}
		found[unique] = true
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	followed := 0
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(prose(p.text), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			followed++
			name, anchor, _ := strings.Cut(m[1], "#")
			target := path.Join(path.Dir(p.path), name)
			if name == "" {
				target = p.path
			}
			if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(target))); err != nil || strings.HasPrefix(target, "..") {
				t.Errorf("%s links to %s, which is not there", p.path, m[1])
				continue
			}
			if anchor != "" && !anchors(repositoryFile(t, target))[anchor] {
				t.Errorf("%s links to %s, which has no such heading", p.path, m[1])
			}
		}
	}
	if followed < 60 {
		t.Errorf("only %d links were found", followed)
	}
}

func TestAnchors(t *testing.T) {
	found := anchors("# A `[[b]]`, c-d\n```\n# no\n```\n## 通知渠道（NOTIFIERS）\n## Same\n## Same\n#none\n")
	for _, want := range []string{"a-b-c-d", "通知渠道notifiers", "same", "same-1"} {
		if !found[want] {
			t.Errorf("%s is not among %v", want, found)
		}
	}
	if len(found) != 4 {
		t.Errorf("there are %v", found)
	}
}
