package reference

import (
	"fmt"
	"strings"
)

// marker stands in the page of docs/ before what is generated.
const marker = "<!-- What follows is generated: go generate ./packaging/manual -->\n"

// Page returns a page of docs/ with what stands behind the marker made anew. What
// stands before it is written by hand.
func Page(page string, example []byte) (string, error) {
	written, _, ok := strings.Cut(page, marker)
	if !ok {
		return "", fmt.Errorf("the page has no line %q", strings.TrimSpace(marker))
	}
	return written + marker + markdown(parse(example)), nil
}

func markdown(sections []section) string {
	var b strings.Builder
	heading := ""
	for _, s := range sections {
		if len(s.Keys) == 0 && s.Text == "" {
			continue
		}
		if s.Name != "" && s.Name != heading {
			fmt.Fprintf(&b, "\n## `%s`\n", s.Name)
		}
		heading = s.Name
		if s.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(s.Text))
		}
		if len(s.Keys) == 0 {
			continue
		}
		value := "default"
		if s.list() {
			value = "for example"
		}
		fmt.Fprintf(&b, "\n| key | %s | |\n|---|---|---|\n", value)
		for _, k := range s.Keys {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", k.Name, cell(k.Value), cell(escapeMarkdown(k.Text)))
		}
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// escapeMarkdown keeps the characters that comments use for themselves from being
// read as emphasis, links or tags.
func escapeMarkdown(text string) string {
	return strings.NewReplacer("*", `\*`, " _", ` \_`, "<", `\<`, "[", `\[`, "`", "\\`").Replace(text)
}
