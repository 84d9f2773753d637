package output_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	sessdata = "1a2b3c4d%2C1799999999%2Cf00d5*81CjExampleOnly"
	token    = "ffeeddccbbaa99887766554433221100"
)

func sample() keeper.Credential {
	expires := time.Unix(1799999999, 0)
	of := func(name, value string, httpOnly, secure bool) cookie.Cookie {
		return cookie.Cookie{Name: name, Value: secret.New(value), Domain: "bilibili.com", Path: "/", Expires: expires, HTTPOnly: httpOnly, Secure: secure}
	}
	return keeper.Credential{
		Account: "main", Site: "web", Mid: 100200300, Uname: "example", Generation: 3,
		IssuedAt: time.Unix(1784447999, 0), ExpiresAt: expires, UserAgent: "Mozilla/5.0 (example)",
		RefreshToken: secret.New(token),
		Cookies: []cookie.Cookie{
			of("SESSDATA", sessdata, true, true),
			of("bili_jct", "00000000000000000000000000000001", false, false),
			of("DedeUserID", "100200300", false, false),
			{Name: "buvid3", Value: secret.New("0A1B2C3D-0000-1111-2222-333344445555012345infoc")},
		},
	}
}

func render(t *testing.T, format string, o output.Options) string {
	t.Helper()
	r, err := output.Render(format, sample(), o)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Body)
}

func TestHeaderKeepsTheBytes(t *testing.T) {
	want := "SESSDATA=" + sessdata + "; bili_jct=00000000000000000000000000000001; DedeUserID=100200300; " +
		"buvid3=0A1B2C3D-0000-1111-2222-333344445555012345infoc;"
	if got := render(t, "header", output.Options{}); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNetscape(t *testing.T) {
	want := "# Netscape HTTP Cookie File\n" +
		".bilibili.com\tTRUE\t/\tTRUE\t1799999999\tSESSDATA\t" + sessdata + "\n" +
		".bilibili.com\tTRUE\t/\tFALSE\t1799999999\tbili_jct\t00000000000000000000000000000001\n" +
		".bilibili.com\tTRUE\t/\tFALSE\t1799999999\tDedeUserID\t100200300\n" +
		".bilibili.com\tTRUE\t/\tFALSE\t1799999999\tbuvid3\t0A1B2C3D-0000-1111-2222-333344445555012345infoc\n"
	if got := render(t, "netscape", output.Options{}); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestEnvIsSafeToEval lets a shell read what a hostile value would look like.
func TestEnvIsSafeToEval(t *testing.T) {
	hostile := `a'b$(touch x)"c\` + "`d`"
	c := sample()
	c.Cookies[0].Value = secret.New(hostile)
	r, err := output.Render("env", c, output.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no POSIX shell here")
	}
	cmd := exec.Command(shell, "-c", `eval "$ENV_LINES"; printf %s "$BILIBILI_SESSDATA"`)
	cmd.Env = []string{"ENV_LINES=" + string(r.Body)}
	cmd.Dir = t.TempDir()
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != hostile {
		t.Errorf("the shell read %q, want %q", got, hostile)
	}
}

func TestJSONNames(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(render(t, "json", output.Options{})), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"account", "site", "mid", "uname", "generation", "issued_at", "expires_at", "user_agent", "cookies"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	first := got["cookies"].([]any)[0].(map[string]any)
	if first["value"] != sessdata || first["http_only"] != true || first["expires"] != "2027-01-15T07:59:59Z" {
		t.Errorf("the first cookie is %v", first)
	}
}

// options are what a format needs to be rendered at all.
func options(format string, withToken bool) output.Options {
	o := output.Options{WithRefreshToken: withToken}
	if format == "template" {
		o.Template = "{{range .cookies}}{{.name}}={{.value}}\n{{end}}{{if index . \"refresh_token\"}}{{.refresh_token}}{{end}}"
	}
	return o
}

func TestRefreshTokenOnlyByName(t *testing.T) {
	for _, format := range output.Formats() {
		c := sample()
		// Some tools keep the token among the cookies, and it may come in with them.
		c.Cookies = append(c.Cookies, cookie.Cookie{Name: "ac_time_value", Value: secret.New(token)})
		r, err := output.Render(format, c, options(format, false))
		if err != nil || strings.Contains(string(r.Body), token) {
			t.Errorf("%s gives the refresh token away unasked, or %v", format, err)
		}
		info, ok := output.Describe(format)
		if !ok || info.Name != format || info.ContentType != r.ContentType {
			t.Errorf("%s is described as %+v", format, info)
		}
		r, err = output.Render(format, c, options(format, true))
		switch {
		case !info.RefreshToken:
			if !errors.Is(err, output.ErrNoRefreshToken) {
				t.Errorf("%s: got %v", format, err)
			}
		case err != nil:
			t.Error(err)
		case !strings.Contains(string(r.Body), token):
			t.Errorf("%s was asked for the refresh token and lacks it", format)
		}
	}
}

// The ticket that is known to end sessions is handed to nobody.
func TestTicketsAreLeftOut(t *testing.T) {
	for _, format := range output.Formats() {
		c := sample()
		c.Cookies = append(c.Cookies, cookie.Cookie{Name: "bili_ticket", Value: secret.New("aTicketForExample")},
			cookie.Cookie{Name: "bili_ticket_expires", Value: secret.New("1799999998")})
		r, err := output.Render(format, c, options(format, false))
		if err != nil || strings.Contains(string(r.Body), "ticket") {
			t.Errorf("%s: %v, %s", format, err, r.Body)
		}
		if len(c.Cookies) != 6 || c.Cookies[4].Name != "bili_ticket" {
			t.Fatal("the caller's own list was changed")
		}
	}
}

func TestUnsuitable(t *testing.T) {
	intl := sample()
	intl.Site = "intl"
	odd := func(value string) keeper.Credential {
		c := sample()
		c.Cookies[0].Value = secret.New(value)
		return c
	}
	nobody := sample()
	nobody.Mid, nobody.Cookies = 0, nobody.Cookies[:1]
	noName := sample()
	noName.Cookies[0].Name = "a=b"
	tests := []struct {
		format string
		c      keeper.Credential
		refuse bool
	}{
		{"header", intl, false}, {"netscape", intl, false}, {"playwright", intl, false}, {"cookiecloud", intl, false},
		{"biliup", intl, true}, {"rsshub", intl, true}, {"yutto", intl, true},
		{"header", odd("a\r\nX-Injected: b"), true}, {"netscape", odd("a\tb"), true}, {"rsshub", odd("a\nB=c"), true},
		{"header", odd("a; b=c"), true}, {"toolpro", odd("a\xffb"), true}, {"json", odd("a\xffb"), true},
		{"env", odd("a\x00b"), true}, {"env", odd("a\nb"), false}, {"json", odd("a\nb"), false}, {"header", odd("\xe4\xb8\xad"), false},
		{"rsshub", nobody, true}, {"rsshub-shell", nobody, true}, {"header", nobody, false}, {"header", noName, true},
	}
	for _, tt := range tests {
		_, err := output.Render(tt.format, tt.c, output.Options{})
		if tt.refuse != errors.Is(err, output.ErrUnsuitable) || !tt.refuse && err != nil {
			t.Errorf("%s: %v", tt.format, err)
		}
		if err != nil && strings.Contains(err.Error(), "Injected") {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := output.Render("xml", sample(), output.Options{}); !errors.Is(err, output.ErrUnknownFormat) {
		t.Errorf("got %v", err)
	}
}

// TestIdentifiers: the site blocks requests that lack the device's identifiers, so
// they are in whatever their reader takes them from.
func TestIdentifiers(t *testing.T) {
	without := map[string][]string{
		"yutto":     {buvid3, buvid4}, // two keys
		"bili-sync": {buvid4},         // five keys
	}
	for _, format := range output.Formats() {
		if format == "template" {
			continue
		}
		r, err := output.Render(format, account(), output.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{buvid3, buvid4} {
			if got := strings.Contains(string(r.Body), id); got == slices.Contains(without[format], id) {
				t.Errorf("%s: %s is there: %v", format, id, got)
			}
		}
	}
}
