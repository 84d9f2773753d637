package notifytest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// listLines are what a message about ten accounts says, a line each.
func listLines() []string {
	lines := []string{"这些账号的登录状态已失效。"}
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("- account_%d(示例😀):https://keeper.example.net/l/token_%d-%s", i, i, strings.Repeat("x", 20)))
	}
	return lines
}

// testText sends a list, and one that is longer than most services take. Its
// lines have to arrive apart from each other, its addresses whole or not at all.
func (h Harness) testText(t *testing.T) {
	lines := listLines()
	long := slices.Repeat(lines, 6)
	for name, text := range map[string]string{"a list": strings.Join(lines, "\n"), "a long list": strings.Join(long, "\n")} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = append(got, textsOf(r)...)
			h.accept(w, r)
		}))
		m := CodeMessage()
		m.Type, m.Text, m.Login = "login.required", text, nil
		_, err := h.New(t, server.URL).Send(t.Context(), m)
		server.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h.readable(t, name, got, lines)
	}
}

// readable checks the texts of a request against the lines that were to come.
func (h Harness) readable(t *testing.T, name string, got, lines []string) {
	t.Helper()
	all := strings.Join(got, "\x00")
	if !utf8.ValidString(all) {
		t.Errorf("%s: a character was cut", name)
	}
	if first := wording.Addresses(lines[1])[0]; !strings.Contains(all, lines[1][first[0]:]) {
		t.Errorf("%s: an address is not as it was: %s", name, all)
	}
	// What is escaped shows without the backslash.
	all = strings.ReplaceAll(all, `\`, "")
	apart := cmp.Or(h.Break, "\n")
	for i, line := range lines[:3] {
		// A service may want a summary of one line as well; one text in which the
		// lines are apart is enough.
		both, good := 0, 0
		for _, text := range got {
			text = strings.ReplaceAll(text, `\`, "")
			next := strings.Index(text, start(lines[i+1]))
			end := strings.LastIndex(text[:max(next, 0)], tail(line))
			if end < 0 {
				continue
			}
			both++
			if strings.Contains(text[end:next], apart) {
				good++
			}
		}
		if both > 0 && good == 0 {
			t.Errorf("%s: line %d runs into the next one: %s", name, i+1, all)
		}
	}
	for _, at := range wording.Addresses(all) {
		address := all[at[0]:at[1]]
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasSuffix(line, address) }) {
			t.Errorf("%s: an address that leads nowhere: %s", name, address)
		}
	}
	last := tail(lines[len(lines)-1])
	if !strings.Contains(all, last) && !strings.Contains(all, "…") {
		t.Errorf("%s: the text was cut and does not say so", name)
	}
}

// start and tail are the ends of a line, which are as they were whatever markup
// is around them.
func start(line string) string { return string([]rune(line)[:11]) }

func tail(line string) string {
	return string([]rune(line)[max(0, utf8.RuneCountInString(line)-8):])
}

// testRate looks at what a channel says its service allows.
func (h Harness) testRate(t *testing.T) {
	channel, _ := h.serve(t, h.accept)
	limited, ok := channel.(interface {
		Rate() (messages int, per time.Duration)
	})
	if !ok {
		t.Skip("the service documents none")
	}
	if messages, per := limited.Rate(); messages < 1 || per < time.Second {
		t.Errorf("%d per %v", messages, per)
	}
}

// textsOf are all texts in a request: the headers, the parts of a form, the
// strings in JSON.
func textsOf(r *http.Request) []string {
	var texts []string
	var words mime.WordDecoder
	for _, values := range r.Header {
		for _, value := range values {
			if text, err := words.DecodeHeader(value); err == nil {
				value = text
			}
			// A header has no line breaks of its own.
			texts = append(texts, strings.ReplaceAll(value, `\n`, "\n"))
		}
	}
	body, _ := io.ReadAll(r.Body)
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if params["boundary"] == "" {
		return append(texts, bodyTexts(kind, body)...)
	}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return texts
		}
		data, _ := io.ReadAll(part)
		texts = append(texts, bodyTexts(part.Header.Get("Content-Type"), data)...)
	}
}

func bodyTexts(kind string, body []byte) []string {
	var v any
	if kind != "application/json" || json.Unmarshal(body, &v) != nil {
		return []string{string(body)}
	}
	return leaves(v)
}

func leaves(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			texts = append(texts, leaves(one)...)
		}
	case map[string]any:
		for _, one := range v {
			texts = append(texts, leaves(one)...)
		}
	}
	return texts
}
