package notifytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Wire is a channel whose requests are written down, in testdata beside its
// test, to be held against what the service documents.
type Wire struct {
	// New makes a channel that sends over the network it is given.
	New func(t *testing.T, network http.RoundTripper) notify.Channel
	// Accept answers as the service does; nil means an empty 204.
	Accept http.HandlerFunc
	// Masks are secrets that the requests have to carry, and their names.
	Masks map[string]string
}

// wireTime is when all of it happens.
var wireTime = time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)

// tinyPNG is a picture of one pixel.
const tinyPNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x04\x00\x00\x00\xb5\x1c\x0c\x02" +
	"\x00\x00\x00\x0bIDATx\xdacd`\x00\x00\x00\x06\x00\x020\x81\xd0/\x00\x00\x00\x00IEND\xaeB`\x82"

// WireCode is the sample with a code in the files.
func WireCode() notify.Message {
	return notify.Message{
		ID: "msg_0a1b2c_17", Type: "login.code", Time: wireTime, Account: "main", Site: "web",
		Mid: 100200300, Uname: "示例", Title: "main:请扫码重新登录", Text: "请用 App 扫描此二维码,有效期至 09:05。\n<仅在您预期会收到时> & *扫描*",
		Thread: "incident_5", Position: 17,
		Login: &notify.Login{
			ID: "login_5", URL: secret.New("https://account.example.com/h5/scan?qrcode_key=0123456789abcdef&from=web"),
			PNG: []byte(tinyPNG), ExpiresAt: wireTime.Add(3 * time.Minute),
		},
	}
}

// Run makes the requests and compares them.
func (w Wire) Run(t *testing.T) {
	t.Helper()
	code := WireCode()
	page, bare, text := code, code, code
	withPage, withoutPicture := *code.Login, *code.Login
	withPage.PageURL = "https://keeper.example.net/l/b64token"
	withoutPicture.PNG = nil
	page.Login, bare.Login, text.Login = &withPage, &withoutPicture, nil
	text.ID, text.Type = "msg_0a1b2c_16", "login.required"
	text.Title, text.Text = "main: the login has died", "The session of 示例 is no longer logged in."
	asks := text
	asks.ID, asks.NeedsLogin, asks.PageURL = "msg_0a1b2c_19", true, withPage.PageURL
	asks.Text += " A fresh code whenever you open this page: " + asks.PageURL
	for name, m := range map[string]notify.Message{"code": code, "page": page, "bare": bare, "text": text, "asks": asks} {
		w.record(t, name, func(t *testing.T, c notify.Channel) {
			if _, err := c.Send(t.Context(), m); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	w.record(t, "later", func(t *testing.T, c notify.Channel) { w.later(t, c, code) })
}

// later writes down how a message is replaced and taken back, if the channel
// can do either.
func (w Wire) later(t *testing.T, c notify.Channel, m notify.Message) {
	replacer, replaces := c.(notify.Replacer)
	retractor, retracts := c.(notify.Retractor)
	if !replaces && !retracts {
		return
	}
	receipt, err := c.Send(t.Context(), m)
	if err != nil || receipt.Handle == "" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	handle := receipt.Handle
	if replaces {
		m.ID = "msg_0a1b2c_18"
		if receipt, err = replacer.Replace(t.Context(), m, handle); err != nil {
			t.Errorf("replace: %v", err)
		}
		if receipt.Handle != "" {
			handle = receipt.Handle
		}
	}
	if retracts {
		if err := retractor.Retract(t.Context(), handle); err != nil {
			t.Errorf("retract: %v", err)
		}
	}
}

func (w Wire) record(t *testing.T, name string, act func(*testing.T, notify.Channel)) {
	t.Run(name, func(t *testing.T) {
		var tape tape
		tape.answer = w.Accept
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(wireTime))
			act(t, w.New(t, &tape))
		})
		got := tape.out.String()
		for _, s := range slices.SortedFunc(maps.Keys(w.Masks), func(a, b string) int { return len(b) - len(a) }) {
			got = strings.ReplaceAll(got, s, "["+w.Masks[s]+"]")
		}
		golden.Equal(t, name+".golden", got)
	})
}

// tape is a network that writes requests down.
type tape struct {
	answer http.HandlerFunc
	out    bytes.Buffer
}

func (tp *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_ = r.Body.Close()
	if tp.out.Len() > 0 {
		tp.out.WriteString("\n---\n\n")
	}
	fmt.Fprintf(&tp.out, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&tp.out, "%s: %s\n", name, plainBoundary(value))
		}
	}
	if len(body) > 0 {
		tp.out.WriteString("\n" + readable(r.Header.Get("Content-Type"), body) + "\n")
	}
	rec := httptest.NewRecorder()
	if tp.answer == nil {
		rec.WriteHeader(http.StatusNoContent)
	} else {
		tp.answer(rec, r)
	}
	return rec.Result(), nil
}

func plainBoundary(value string) string {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil || params["boundary"] == "" {
		return value
	}
	return kind + "; boundary=BOUNDARY"
}

// readable shows JSON indented, a form part by part, and pictures as such.
func readable(contentType string, body []byte) string {
	kind, params, _ := mime.ParseMediaType(contentType)
	switch {
	case bytes.HasPrefix(body, []byte("\x89PNG")):
		return fmt.Sprintf("<PNG of %d bytes>", len(body))
	case kind == "application/json":
		var out bytes.Buffer
		if err := json.Indent(&out, body, "", "  "); err != nil {
			return "<not JSON> " + string(body)
		}
		return out.String()
	case params["boundary"] != "":
		return readableForm(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	}
	return string(body)
}

func readableForm(form *multipart.Reader) string {
	var out strings.Builder
	for {
		part, err := form.NextRawPart()
		if err != nil {
			return strings.TrimSuffix(out.String(), "\n")
		}
		for _, name := range slices.Sorted(maps.Keys(part.Header)) {
			fmt.Fprintf(&out, "| %s: %s\n", name, part.Header.Get(name))
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return out.String() + "<broken>"
		}
		out.WriteString(readable(part.Header.Get("Content-Type"), data) + "\n")
	}
}
