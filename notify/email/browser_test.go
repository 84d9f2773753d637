//go:build browser

package email

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// measure shows the mail in a frame of each width and notes what it took.
const measure = `<!DOCTYPE html><meta charset="utf-8"><body><pre id="out"></pre>
%s
<script>
addEventListener("load", () => {
	document.getElementById("out").textContent = "BEGIN" + JSON.stringify([...document.querySelectorAll("iframe")].map(f => {
		const d = f.contentDocument, box = e => e.getBoundingClientRect();
		return {
			Width: f.clientWidth, Scroll: d.documentElement.scrollWidth,
			Picture: [...d.images].map(i => i.naturalWidth > 0 && box(i).left >= 0 ? box(i).right : 1e6),
			Links: [...d.links].map(a => ({To: a.href, Right: box(a).right})),
			Text: d.body.innerText,
		};
	})) + "END";
});
</script>`

// On a phone nothing of a code's mail is wider than the screen, and no address stands
// there twice.
func TestMailFits(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	m := notifytest.CodeMessage()
	const address = "https://account.bilibili.com/h5/account-h5/auth/scan-web?navhide=1&callback=close&qrcode_key=0123456789abcdef0123456789abcdef&from="
	if m.Login.PNG, err = qr.PNG(address); err != nil {
		t.Fatal(err)
	}
	m.Login.PageURL, m.Login.URL, m.Login.AppURL = "", secret.New(address), secret.New("bilibili://browser?url="+strings.Repeat("0123456789", 20))
	withPage := m
	login := *m.Login
	login.PageURL = "https://keeper.example.net/a-path/l/" + strings.Repeat("b64token", 6)
	withPage.Login = &login
	c := newChannel(t, nil, nil)
	picture := "data:image/png;base64," + base64.StdEncoding.EncodeToString(m.Login.PNG)
	var frames strings.Builder
	for _, m := range []notify.Message{m, withPage} {
		for _, width := range []int{360, 390} {
			page := strings.ReplaceAll(c.page(m, true), "cid:"+pictureID, picture)
			fmt.Fprintf(&frames, `<iframe style="border:0;width:%dpx;height:900px" srcdoc="%s"></iframe>`+"\n", width, html.EscapeString(page))
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "mail.html")
	if err := os.WriteFile(file, fmt.Appendf(nil, measure, frames.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+file).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(out), "BEGIN")
	text, _, _ = strings.Cut(text, "END")
	var seen []struct {
		Width, Scroll int
		Picture       []float64
		Links         []struct {
			To    string
			Right float64
		}
		Text string
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &seen); err != nil || len(seen) != 4 {
		t.Fatalf("%v in %s", err, out)
	}
	for i, s := range seen {
		links := 2 // the code's, and the one for the app
		if i >= 2 {
			links = 1 // the login page's
		}
		if s.Scroll > s.Width || len(s.Picture) != 1 || s.Picture[0] > float64(s.Width) || len(s.Links) != links {
			t.Errorf("at %d pixels: %+v", s.Width, s)
		}
		for _, l := range s.Links {
			if l.Right > float64(s.Width) || strings.Contains(s.Text, l.To) {
				t.Errorf("at %d pixels the link %+v beside %q", s.Width, l, s.Text)
			}
		}
	}
}
