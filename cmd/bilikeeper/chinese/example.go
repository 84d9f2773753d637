package chinese

import "strings"

// prose is how a line of a configuration begins that explains something. Without
// the blank it is an example.
const prose = "# "

// Comments puts the comments of a configuration into Chinese. wrap breaks a
// paragraph into lines.
func Comments(file string, wrap func(string) string) string {
	var b strings.Builder
	for _, piece := range pieces(file) {
		text, ok := Text(piece.paragraph)
		if !ok {
			b.WriteString(piece.lines)
			continue
		}
		for line := range strings.Lines(wrap(text)) {
			b.WriteString(prose + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String()
}

// piece is a paragraph of a comment, or lines that are none.
type piece struct{ lines, paragraph string }

func pieces(file string) []piece {
	var list []piece
	var open bool
	for line := range strings.Lines(file) {
		text, ok := strings.CutPrefix(line, prose)
		if !ok || !open {
			list = append(list, piece{})
		}
		last := &list[len(list)-1]
		last.lines += line
		if ok {
			last.paragraph = strings.TrimSpace(last.paragraph + " " + strings.TrimSpace(text))
		}
		open = ok
	}
	return list
}
