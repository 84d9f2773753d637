package input

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// command reads the command line of a program that takes cookies: what browsers
// call "copy as cURL", for a POSIX shell and for Windows' cmd, and those of wget,
// yutto, lux and BBDown. Only the cookies are looked at: other headers may be other
// sites' secrets.
func (c *collector) command(words []string) {
	for i, word := range words {
		option := ""
		if i > 0 {
			option = words[i-1]
		}
		if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") {
			option, word = name, value
		} else if len(word) > 2 && word[0] == '-' && word[1] != '-' {
			option, word = word[:2], word[2:]
		}
		switch option {
		case "-H", "--header", "--add-header", "--add-headers":
			if rest, ok := cutPrefixFold(strings.TrimSpace(word), requestField); ok {
				c.pairs(oneLine(rest))
			}
		case "-b", "--cookie", "-c", "--cookies", "--http-cookie", "--auth":
			if isHeader(word) {
				c.pairs(oneLine(word))
			}
		}
	}
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }

// requested finds the address of a request in a script: a browser's fetch, or
// PowerShell's Invoke-WebRequest.
var requested = lazyregexp.New("(?:fetch\\(\\s*|-Uri\\s+)[\"'`](https?://[^\"'`]+)")

// foreign reports whether a copied request names addresses, and none of them is
// the site's: the cookies in it are another site's, whatever they are called.
func foreign(text string, words []string) bool {
	var addresses []string
	for _, word := range words {
		if strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
			addresses = append(addresses, word)
		}
	}
	for _, m := range requested().FindAllStringSubmatch(text, -1) {
		addresses = append(addresses, m[1])
	}
	return len(addresses) > 0 && !slices.ContainsFunc(addresses, isSiteURL)
}

func isSiteURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && ofSite(u.Hostname())
}

// isCommand knows the first word of a command line that is read.
func isCommand(text string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(strings.TrimSpace(text), "$> "), " ")
	switch strings.TrimSuffix(strings.ToLower(path.Base(strings.ReplaceAll(first, `\`, "/"))), ".exe") {
	case "curl", "wget", "yutto", "lux", "bbdown", "you-get", "streamlink", "yt-dlp":
		return true
	}
	return false
}

// shellWords takes a command line apart as the shell does for which the browser
// wrote it.
func shellWords(text string) []string {
	windows := strings.Contains(text, `^"`) || strings.Contains(text, "^\n")
	if windows {
		text = dropCarets(text)
	}
	w := words{windows: windows}
	for i := 0; i < len(text); {
		i += w.take(text[i:])
	}
	w.end()
	return w.list
}

// dropCarets undoes cmd's escapes. A caret before a line's end joins the lines;
// between double quotes that are not themselves escaped it is none.
func dropCarets(text string) string {
	escaped := strings.Contains(text, `^"`)
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"' && !escaped:
			quoted = !quoted
			b.WriteByte('"')
		case text[i] != '^' || quoted || i+1 == len(text):
			b.WriteByte(text[i])
		case text[i+1] == '\n':
			i++
			b.WriteByte(' ')
		default:
			i++
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// words collects the words of a command line.
type words struct {
	list    []string
	word    strings.Builder
	open    bool // a word has begun, if only with empty quotes
	quote   byte // the quotes that are open; '$' stands for $'…'
	windows bool
}

// take reads what a text begins with and returns how many bytes that was.
func (w *words) take(text string) int {
	b := text[0]
	switch {
	case w.quote == '$' && b == '\\':
		return w.escape(text)
	case w.quote == '"' && w.windows && strings.HasPrefix(text, `""`):
		w.word.WriteByte('"')
		return 2
	case b == '\\' && len(text) > 1 && w.escapes(text[1]):
		if text[1] != '\n' {
			w.word.WriteByte(text[1])
			w.open = true
		}
		return 2
	case w.quote == b, w.quote == '$' && b == '\'':
		w.quote = 0
	case w.quote != 0:
		w.word.WriteByte(b)
	case strings.HasPrefix(text, `$'`) && !w.windows:
		w.quote, w.open = '$', true
		return 2
	case b == '"', b == '\'' && !w.windows:
		w.quote, w.open = b, true
	case b == ' ' || b == '\t' || b == '\n':
		w.end()
	default:
		w.word.WriteByte(b)
		w.open = true
	}
	return 1
}

// escapes reports whether a backslash means the byte after it.
func (w *words) escapes(next byte) bool {
	switch {
	case w.windows:
		return next == '"' || next == '\\' && w.quote == '"'
	case w.quote == '"':
		return strings.IndexByte("\"\\$`\n", next) >= 0
	}
	return w.quote == 0
}

// escape reads an escape of the quotes $'…'.
func (w *words) escape(text string) int {
	for _, long := range []string{`\u`, `\x`} {
		digits := map[string]int{`\u`: 4, `\x`: 2}[long]
		if strings.HasPrefix(text, long) && len(text) >= 2+digits {
			if n, err := strconv.ParseUint(text[2:2+digits], 16, 32); err == nil {
				w.word.WriteRune(rune(n))
				return 2 + digits
			}
		}
	}
	if len(text) < 2 {
		return 1
	}
	if plain, ok := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[text[1]]; ok {
		w.word.WriteByte(plain)
	} else {
		w.word.WriteByte(text[1])
	}
	return 2
}

func (w *words) end() {
	if w.open {
		w.list = append(w.list, w.word.String())
	}
	w.word.Reset()
	w.open = false
}
