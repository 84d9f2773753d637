package chinese

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/text/width"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/chinese/elsewhere"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// asTheyAre are texts that are the same in every language: names, commands, and
// what nobody gets to read.
var asTheyAre = []string{
	"bilikeeper %s (%s, %s)\n", "bilikeeper vault backup - > FILE", "# %s\n%s",
	"15:04:05 MST", "  gt         %s", "  challenge  %s", "an event came", "the story is over",
}

// commands are examples without a word of explanation.
var commands = regexp.MustCompile(`^(  (bilikeeper|curl|eval|xclip) [^#]*\n?)+$`)

// TestComplete: every text of the commands has a Chinese one.
func TestComplete(t *testing.T) {
	s := read(t, true, "cmd", "daemon/doctor")
	if len(s.printed) < 400 {
		t.Fatalf("only %d texts were found", len(s.printed))
	}
	missing := map[string]string{}
	for _, f := range s.printed {
		if _, ok := Text(f.text); !ok && Formed(f.text) == f.text && speaks(f.text) && !slices.Contains(asTheyAre, f.text) && !commands.MatchString(f.text) {
			missing[f.text] = f.at
		}
	}
	for text, at := range missing {
		t.Errorf("%s: no Chinese for %q; it goes into the file of its area in cmd/bilikeeper/chinese", at, text)
	}
}

// TestNothingLeftOver: an entry whose English is printed nowhere is an old one.
func TestNothingLeftOver(t *testing.T) {
	s := read(t, false, "cmd", "daemon/doctor")
	for text := range maps.Clone(s.literals) {
		// The doctor's checks and levels are names, and are shown as words.
		group, _, _ := strings.Cut(text, ".")
		s.literals[group] = true
		s.literals[strings.ReplaceAll(text, "_", " ")] = true
	}
	for _, text := range append(libraryTexts(), paragraphs()...) {
		s.literals[text] = true
	}
	for _, area := range areas() {
		for _, entry := range area {
			english := entry.English
			if !s.literals[english] {
				t.Errorf("nothing prints %q", english)
			}
		}
	}
}

// libraryTexts are those that the command line's library adds to a tree.
func libraryTexts() []string {
	root := &cobra.Command{Use: "bilikeeper"}
	root.AddCommand(&cobra.Command{Use: "x", Run: func(*cobra.Command, []string) {}})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var list []string
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		list = append(list, cmd.Short, cmd.Long)
		cmd.Flags().VisitAll(func(f *pflag.Flag) { list = append(list, f.Usage) })
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(root)
	return list
}

// TestLibrary: what the library adds to the help is Chinese, too.
func TestLibrary(t *testing.T) {
	for _, text := range libraryTexts() {
		if speaks(text) && Formed(text) == text {
			t.Errorf("no Chinese for %q", text)
		}
	}
}

// paragraphs are the comments of the file that config init writes.
func paragraphs() []string {
	var list []string
	for _, piece := range pieces(string(config.Example(daemon.Checks().Channels))) {
		if piece.paragraph != "" {
			list = append(list, piece.paragraph)
		}
	}
	return list
}

// commentsFile is where the Chinese of a comment stands: those of the channels'
// examples have a file of their own.
func commentsFile(text string) string {
	for _, kind := range daemon.Checks().Channels {
		for _, piece := range pieces(kind.Example) {
			if piece.paragraph == text {
				return "cmd/bilikeeper/chinese/elsewhere/channelcomments.go"
			}
		}
	}
	return "cmd/bilikeeper/chinese/elsewhere/comments.go"
}

// TestExample: every comment of that file is Chinese, too, and nothing that it
// sets is another.
func TestExample(t *testing.T) {
	for _, text := range paragraphs() {
		if _, ok := Text(text); !ok {
			t.Errorf("no Chinese for the comment %q; it goes into %s", text, commentsFile(text))
		}
	}
	english := string(config.Example(daemon.Checks().Channels))
	chinese := Comments(english, func(s string) string { return s })
	rest := func(file string) string {
		var b strings.Builder
		for line := range strings.Lines(file) {
			if !strings.HasPrefix(line, prose) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	if rest(english) != rest(chinese) {
		t.Error("more than the comments is another")
	}
}

// pieced makes places of values of those where others may put a text together.
var pieced = strings.NewReplacer(", ", "%s", "; ", "%s", " and ", "%s", " left out", "%s")

// TestSources: texts that others put together are still theirs. A format need not
// be written in one piece there.
func TestSources(t *testing.T) {
	s := read(t, false, "cmd", "daemon", "internal", "vault", "notify", "passport")
	all := strings.Join(slices.Collect(maps.Keys(s.literals)), "\x00")
	for _, area := range elsewhere.Sourced() {
		for _, entry := range area {
			english := entry.English
			for _, part := range verb().Split(pieced.Replace(english), -1) {
				if part = strings.Trim(part, " :;,()?"); len(part) > 3 && !strings.Contains(all, part) {
					t.Errorf("nothing says %q of %q", part, english)
				}
			}
		}
	}
}

// TestOneMeaning: areas do not contradict each other.
func TestOneMeaning(t *testing.T) {
	seen := map[string]string{}
	for _, area := range slices.Concat(areas(), elsewhere.Formed()) {
		for _, entry := range area {
			english, text := entry.English, entry.Chinese
			if before, ok := seen[english]; ok && before != text {
				t.Errorf("%q is %q and %q: keep one, in shared", english, before, text)
			}
			seen[english] = text
		}
	}
}

// TestVerbs: a Chinese format takes what the English one is given.
func TestVerbs(t *testing.T) {
	for _, area := range slices.Concat(areas(), elsewhere.Formed()) {
		for _, entry := range area {
			english, text := entry.English, entry.Chinese
			if a, b := name(english), name(text); a != b {
				t.Errorf("%q names its value %s, and %q %s", english, a, text, b)
			}
			if a, b := verbs(english), verbs(text); !slices.Equal(a, b) {
				t.Errorf("%q takes %q, and %q takes %q", english, a, text, b)
			}
			if strings.Count(english, "\n\n") > 0 && strings.HasSuffix(english, "\n") != strings.HasSuffix(text, "\n") {
				t.Errorf("%q ends a line and %q does not, or the other way round", english, text)
			}
		}
	}
}

// TestWidth: help fits a terminal of 80 columns where the English does.
func TestWidth(t *testing.T) {
	widest := func(text string) (columns int) {
		for line := range strings.Lines(text) {
			n := 0
			for _, r := range strings.TrimSuffix(line, "\n") {
				n++
				if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
					n++
				}
			}
			columns = max(columns, n)
		}
		return columns
	}
	for _, area := range append(areas(), elsewhere.Formed()...) {
		for _, entry := range area {
			if n := widest(entry.Chinese); strings.Contains(entry.English, "\n\n") && n > max(80, widest(entry.English)) {
				t.Errorf("%d columns: %q", n, entry.Chinese)
			}
		}
	}
}

// quoted is the name of a flag's value.
var quoted = regexp.MustCompile("^[^`]*`([a-zA-Z]+)`[^`]*$")

func name(usage string) string {
	if m := quoted.FindStringSubmatch(usage); m != nil {
		return m[1]
	}
	return ""
}

// verbs are those of a format, in the order of the values.
func verbs(format string) []string {
	list := make([]string, len(verb().FindAllString(format, -1)))
	for i, v := range verb().FindAllString(format, -1) {
		at := i
		if rest, ok := strings.CutPrefix(v, "%["); ok && rest != "" {
			number, after, _ := strings.Cut(rest, "]")
			at, v = int(number[0]-'1'), "%"+after
		}
		if at < len(list) {
			list[at] = v
		}
	}
	return list
}
