package passporttest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// send asks in memory; a form makes it a POST. The body comes back as it is.
func send(t *testing.T, site *passporttest.Site, path, cookie string, form url.Values) (*http.Response, string) {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, body)
	must(t, err)
	req.Header.Set("User-Agent", browser)
	req.Header.Set("Cookie", cookie)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := site.Transport().RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp, string(text)
}

func codeOf(text string) int {
	reply := struct{ Code int }{Code: 1}
	_ = json.Unmarshal([]byte(text), &reply)
	return reply.Code
}

// visitor is a session as a browser has it.
type visitor struct {
	cookie, sessdata, csrf, token string
}

func visit(site *passporttest.Site, lines []string) visitor {
	v := visitor{cookie: "buvid3=someinfoc"}
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		v.cookie += "; " + pair
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "SESSDATA":
			v.sessdata, v.token = value, site.Refresh.Token(value)
		case "bili_jct":
			v.csrf = value
		}
	}
	return v
}

func sealed(t *testing.T, key *rsa.PublicKey, plain string) string {
	t.Helper()
	b, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, []byte(plain), nil)
	must(t, err)
	return hex.EncodeToString(b)
}

func stamp(at time.Time) string { return fmt.Sprintf("refresh_%d", at.UnixMilli()) }

var element = regexp.MustCompile(`<body>.*<div id="1-name">([0-9a-f]{32})</div>`)

// pageCode is the code that the page gives, "" for none.
func pageCode(t *testing.T, site *passporttest.Site, v visitor) string {
	t.Helper()
	resp, text := send(t, site, passporttest.PathCorrespond+sealed(t, site.Refresh.CorrespondKey(), stamp(time.Now())), v.cookie, nil)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("the page: %d", resp.StatusCode)
	}
	if m := element.FindStringSubmatch(strings.ReplaceAll(text, "\n", "")); m != nil {
		return m[1]
	}
	return ""
}

func TestThePageIsPicky(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	v := visit(site, site.Grant(mid))
	other := passporttest.New()
	now := time.Now()
	good := sealed(t, site.Refresh.CorrespondKey(), stamp(now))
	for name, row := range map[string]struct {
		path, cookie string
		want         int
	}{
		"as it should be":    {good, v.cookie, 200},
		"of a minute ago":    {sealed(t, site.Refresh.CorrespondKey(), stamp(now.Add(-time.Minute))), v.cookie, 200},
		"ahead":              {sealed(t, site.Refresh.CorrespondKey(), stamp(now.Add(10*time.Second))), v.cookie, 404},
		"old":                {sealed(t, site.Refresh.CorrespondKey(), stamp(now.Add(-10*time.Minute))), v.cookie, 404},
		"seconds":            {sealed(t, site.Refresh.CorrespondKey(), fmt.Sprintf("refresh_%d", now.Unix())), v.cookie, 404},
		"no prefix":          {sealed(t, site.Refresh.CorrespondKey(), fmt.Sprint(now.UnixMilli())), v.cookie, 404},
		"no number":          {sealed(t, site.Refresh.CorrespondKey(), "refresh_now"), v.cookie, 404},
		"another key":        {sealed(t, other.Refresh.CorrespondKey(), stamp(now)), v.cookie, 404},
		"capitals":           {strings.ToUpper(good), v.cookie, 404},
		"cut":                {good[2:], v.cookie, 404},
		"no hex":             {strings.Repeat("z", 256), v.cookie, 404},
		"nothing":            {"", v.cookie, 404},
		"without buvid3":     {good, strings.TrimPrefix(v.cookie, "buvid3=someinfoc; "), 404},
		"nobody's session":   {good, "buvid3=x; SESSDATA=y", 200},
		"without any cookie": {good, "", 404},
	} {
		resp, text := send(t, site, passporttest.PathCorrespond+row.path, row.cookie, nil)
		if resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, row.want)
		}
		has := element.MatchString(strings.ReplaceAll(text, "\n", ""))
		if want := row.want == 200 && strings.Contains(row.cookie, v.sessdata); has != want {
			t.Errorf("%s: a code is on the page: %v", name, has)
		}
	}
	site.Refresh.EmptyPage(2)
	for i, want := range []bool{false, false, true} {
		if got := pageCode(t, site, v) != ""; got != want {
			t.Errorf("page %d has a code: %v", i, got)
		}
	}
}

func TestTheSitesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		v := visit(site, site.Grant(mid))
		for _, offset := range []time.Duration{0, -time.Hour, time.Hour} {
			site.SetClockOffset(offset)
			resp, text := send(t, site, passporttest.PathCookieInfo, v.cookie, nil)
			var reply struct{ Data struct{ Timestamp int64 } }
			must(t, json.Unmarshal([]byte(text), &reply))
			at := time.Now().Add(offset)
			if reply.Data.Timestamp != at.UnixMilli() || resp.Header.Get("Date") != at.UTC().Format(http.TimeFormat) {
				t.Errorf("%v: timestamp %d, date %q", offset, reply.Data.Timestamp, resp.Header.Get("Date"))
			}
			resp, _ = send(t, site, passporttest.PathCorrespond+sealed(t, site.Refresh.CorrespondKey(), stamp(time.Now())), v.cookie, nil)
			if ok := resp.StatusCode == 200; ok != (offset == 0) {
				t.Errorf("%v: the page says %d to the local time", offset, resp.StatusCode)
			}
		}
	})
}

func refreshForm(v visitor, csrf string) url.Values {
	return url.Values{"csrf": {v.csrf}, "refresh_csrf": {csrf}, "source": {"main_web"}, "refresh_token": {v.token}}
}

func TestRefreshAndConfirm(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(7, "other"))
	site.Refresh.SetDue(mid, true)
	v := visit(site, site.Grant(mid))
	refresh := func(want int, csrf string, change ...string) *http.Response {
		t.Helper()
		form := refreshForm(v, csrf)
		for i := 0; i < len(change); i += 2 {
			form.Set(change[i], change[i+1])
		}
		resp, text := send(t, site, passporttest.PathRefresh, v.cookie, form)
		if got := codeOf(text); got != want || want != 0 && len(resp.Cookies()) != 0 {
			t.Fatalf("refresh: %s, want %d", text, want)
		}
		return resp
	}
	used := pageCode(t, site, v)
	refresh(86095, used, "refresh_token", "wrong")
	refresh(86095, used) // the code is spent all the same
	refresh(86095, "invented")
	refresh(86095, pageCode(t, site, visit(site, site.Grant(7))))
	refresh(-111, pageCode(t, site, v), "csrf", "wrong")
	refresh(-111, pageCode(t, site, v), "csrf", "")
	refresh(-400, pageCode(t, site, v), "source", "")
	if _, text := send(t, site, passporttest.PathRefresh, "SESSDATA=x", refreshForm(v, "")); codeOf(text) != -101 {
		t.Errorf("nobody: %s", text)
	}
	if site.Refresh.Rotations(mid) != 0 || len(site.Refresh.Pairs(mid)) != 1 {
		t.Fatalf("%d rotations, pairs %v", site.Refresh.Rotations(mid), site.Refresh.Pairs(mid))
	}

	resp := refresh(0, pageCode(t, site, v))
	next := visit(site, resp.Header.Values("Set-Cookie"))
	if next.sessdata == v.sessdata || next.token == v.token || next.token == "" || len(resp.Cookies()) != 5 {
		t.Errorf("the new pair is the old one")
	}
	if _, text := send(t, site, passporttest.PathCookieInfo, v.cookie, nil); codeOf(text) != 0 || !strings.Contains(text, `"refresh":false`) {
		t.Errorf("cookie/info of the old pair: %s", text)
	}
	confirm := func(who visitor, csrf, token string) int {
		_, text := send(t, site, passporttest.PathConfirm, who.cookie, url.Values{"csrf": {csrf}, "refresh_token": {token}})
		return codeOf(text)
	}
	for _, row := range []struct {
		what string
		got  int
		want int
	}{
		{"nobody", confirm(visitor{cookie: "SESSDATA=x"}, next.csrf, v.token), -101},
		{"the old csrf", confirm(next, v.csrf, v.token), -111},
		{"the new token", confirm(next, next.csrf, next.token), -400},
		{"the old session", confirm(v, v.csrf, v.token), -400},
		{"as it should be", confirm(next, next.csrf, v.token), 0},
		{"again", confirm(next, next.csrf, v.token), -400},
		{"the dead session", confirm(v, v.csrf, v.token), -101},
	} {
		if row.got != row.want {
			t.Errorf("confirm, %s: %d, want %d", row.what, row.got, row.want)
		}
	}
	if site.Alive(v.sessdata) || !site.Alive(next.sessdata) || site.Refresh.Confirms(mid) != 1 || site.Refresh.Rotations(mid) != 1 {
		t.Errorf("%d rotations, %d confirmations", site.Refresh.Rotations(mid), site.Refresh.Confirms(mid))
	}
}

func TestCodesOfThePageRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		v := visit(site, site.Grant(mid))
		csrf := pageCode(t, site, v)
		time.Sleep(time.Hour)
		if _, text := send(t, site, passporttest.PathRefresh, v.cookie, refreshForm(v, csrf)); codeOf(text) != 86095 {
			t.Error(text)
		}
	})
}

func TestReuse(t *testing.T) {
	for reuse, want := range map[passporttest.Reuse]int{"": 0, passporttest.ReuseAllowed: 0, passporttest.ReuseDenied: 86095} {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		if reuse != "" {
			site.Refresh.SetOldTokenReuse(reuse)
		}
		v := visit(site, site.Grant(mid))
		resp, _ := send(t, site, passporttest.PathRefresh, v.cookie, refreshForm(v, pageCode(t, site, v)))
		_, text := send(t, site, passporttest.PathRefresh, v.cookie, refreshForm(v, pageCode(t, site, v)))
		if codeOf(text) != want {
			t.Errorf("%s: %s", reuse, text)
		}
		next := visit(site, resp.Header.Values("Set-Cookie"))
		_, text = send(t, site, passporttest.PathConfirm, next.cookie, url.Values{"csrf": {next.csrf}, "refresh_token": {v.token}})
		if codeOf(text) != 0 || site.Alive(v.sessdata) {
			t.Errorf("%s: the old token no longer confirms: %s", reuse, text)
		}
	}
}

func TestLogout(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	v := visit(site, site.Grant(mid))
	if _, text := send(t, site, passporttest.PathLogout, v.cookie, url.Values{"biliCSRF": {"wrong"}}); codeOf(text) != 2202 || !site.Alive(v.sessdata) {
		t.Errorf("wrong csrf: %s", text)
	}
	form := url.Values{"biliCSRF": {v.csrf}}
	resp, text := send(t, site, passporttest.PathLogout, v.cookie, form)
	if codeOf(text) != 0 || !strings.Contains(text, `"status":true`) || site.Alive(v.sessdata) || len(resp.Header.Values("Set-Cookie")) != 4 {
		t.Errorf("logout: %s", text)
	}
	resp, text = send(t, site, passporttest.PathLogout, v.cookie, form)
	if resp.StatusCode != 200 || !strings.Contains(text, "<title>login</title>") {
		t.Errorf("again: %d %s", resp.StatusCode, text)
	}
	for _, path := range []string{passporttest.PathRefresh, passporttest.PathConfirm, passporttest.PathLogout} {
		if _, text := send(t, site, path, v.cookie, nil); codeOf(text) != -405 {
			t.Errorf("GET %s: %s", path, text)
		}
	}
}

// The paths of the page are one path for the knobs and the counts.
func TestKnobsOfThePage(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	v := visit(site, site.Grant(mid))
	site.SetTrouble(passporttest.PathCorrespond, passporttest.HTTP502)
	path := passporttest.PathCorrespond + sealed(t, site.Refresh.CorrespondKey(), stamp(time.Now()))
	if resp, _ := send(t, site, path, v.cookie, nil); resp.StatusCode != 502 {
		t.Errorf("status %d", resp.StatusCode)
	}
	site.SetTrouble(passporttest.PathCorrespond, passporttest.None)
	pageCode(t, site, v)
	if n := site.Requests(passporttest.PathCorrespond); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestAdminOfTheRefresh(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	server, err := site.Start()
	must(t, err)
	defer server.Close()
	for _, row := range []struct {
		name string
		form url.Values
		want int
	}{
		{"empty", url.Values{"n": {"1"}}, 200}, {"empty", url.Values{"n": {"-1"}}, 400}, {"empty", nil, 400},
		{"clock", url.Values{"offset": {"-90s"}}, 200}, {"clock", url.Values{"offset": {"late"}}, 400},
		{"reuse", url.Values{"old": {"denied"}}, 200}, {"reuse", url.Values{"old": {"perhaps"}}, 400},
		{"due", url.Values{"mid": {"100200300"}}, 200}, {"key", nil, 404},
	} {
		resp, err := http.PostForm(server.URL+"/_sim/"+row.name, row.form)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("%s %v: %d, want %d", row.name, row.form, resp.StatusCode, row.want)
		}
	}
	resp, err := http.Get(server.URL + "/_sim/key")
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	block, rest := pem.Decode(text)
	if block == nil || len(rest) != 0 || !bytes.Equal(text, site.Refresh.CorrespondKeyPEM()) {
		t.Fatalf("key %q", text)
	}
	if key, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || !site.Refresh.CorrespondKey().Equal(key) {
		t.Errorf("key: %v", err)
	}
	site.SetClockOffset(0)
	v := visit(site, site.Grant(mid))
	if pageCode(t, site, v) != "" || pageCode(t, site, v) == "" {
		t.Error("the empty page did not come once")
	}
}
