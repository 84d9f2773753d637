package passporttest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid     = 100200300
	browser = "Mozilla/5.0 (X11; Linux x86_64) Test/1.0"
	base    = "http://sim.invalid"
)

// get asks in memory and decodes a JSON answer.
func get(t *testing.T, site *passporttest.Site, path string, header ...string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", browser)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := site.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	_ = json.Unmarshal(body, &decoded)
	return resp, decoded
}

func data(reply map[string]any) map[string]any {
	inner, _ := reply["data"].(map[string]any)
	return inner
}

func newCode(t *testing.T, site *passporttest.Site) (content, poll string) {
	t.Helper()
	_, reply := get(t, site, passporttest.PathGenerate)
	key, _ := data(reply)["qrcode_key"].(string)
	content, _ = data(reply)["url"].(string)
	if len(key) != 32 || !strings.HasPrefix(content, "https://account.bilibili.com/h5/") || !strings.Contains(content, key) {
		t.Fatalf("key %q, url %q", key, content)
	}
	return content, passporttest.PathPoll + "?qrcode_key=" + key
}

func state(t *testing.T, site *passporttest.Site, poll string) (float64, *http.Response, map[string]any) {
	t.Helper()
	resp, reply := get(t, site, poll)
	if reply["code"] != 0.0 {
		t.Fatalf("outer code %v", reply["code"])
	}
	code, _ := data(reply)["code"].(float64)
	return code, resp, data(reply)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestACodesLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		content, poll := newCode(t, site)
		want := func(code float64) {
			t.Helper()
			if got, _, _ := state(t, site, poll); got != code {
				t.Fatalf("state %v, want %v", got, code)
			}
		}
		want(86101)
		if err := site.QR.Confirm(content, mid); !errors.Is(err, passporttest.ErrNotScan) {
			t.Errorf("a tap without a scan: %v", err)
		}
		if err := site.QR.Scan(content, 7); !errors.Is(err, passporttest.ErrNoUser) {
			t.Errorf("a stranger's scan: %v", err)
		}
		must(t, site.QR.Scan(content, mid))
		want(86090)
		must(t, site.QR.Confirm(content, mid))
		want(0)
		want(86038)
		if err := site.QR.Scan(content, mid); !errors.Is(err, passporttest.ErrNoCode) {
			t.Errorf("scan of a used code: %v", err)
		}
		if got, _, _ := state(t, site, passporttest.PathPoll+"?qrcode_key=unknown"); got != 86038 {
			t.Errorf("unknown key: %v", got)
		}

		site.QR.SetCodeLifetime(time.Minute)
		content, poll = newCode(t, site)
		must(t, site.QR.Scan(content, mid))
		must(t, site.QR.Confirm(content, mid))
		time.Sleep(time.Minute)
		want(86038)
		if len(site.QR.Codes()) != 0 {
			t.Errorf("codes %v", site.QR.Codes())
		}
	})
}

func TestSetCookieLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		lines := site.Grant(mid)
		const tail = `; Path=/; Domain=bilibili\.com; Expires=[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`
		for i, form := range []string{
			`SESSDATA=[0-9a-f]{8}%2C\d{9,10}%2C[0-9a-f]{5}\*[0-9a-f]+` + tail + `; HttpOnly; Secure`,
			`bili_jct=[0-9a-f]{32}` + tail, `DedeUserID=100200300` + tail,
			`DedeUserID__ckMd5=[0-9a-f]{16}` + tail, `sid=[0-9a-f]{8}` + tail,
		} {
			if !regexp.MustCompile("^" + form + "$").MatchString(lines[i]) {
				t.Errorf("line %q", lines[i])
			}
		}
		parsed, err := http.ParseSetCookie(lines[0])
		must(t, err)
		if age := time.Until(parsed.Expires); age != 180*24*time.Hour {
			t.Errorf("lives for %v", age)
		}
		if n := len(parsed.Value); n < 215 || n > 225 {
			t.Errorf("SESSDATA has %d characters", n)
		}
	})
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(7, "other"))
		site.Grant(7)
		site.Grant(mid)
		time.Sleep(time.Second)
		site.Grant(mid)
		mine := site.Sessions(mid)
		if len(mine) != 2 || !site.Alive(mine[0]) {
			t.Fatalf("sessions %v", mine)
		}
		nav := func(cookie string) map[string]any {
			_, reply := get(t, site, passporttest.PathNav, "Cookie", cookie)
			return reply
		}
		reply := nav("sid=x; SESSDATA=" + mine[1] + "; a=b")
		if reply["code"] != 0.0 || data(reply)["isLogin"] != true || data(reply)["mid"] != float64(mid) || data(reply)["uname"] != "example" {
			t.Errorf("nav: %v", reply)
		}
		// The bytes count: an encoded star is another session.
		if reply := nav("SESSDATA=" + strings.ReplaceAll(mine[1], "*", "%2A")); reply["code"] != -101.0 || data(reply)["isLogin"] != false {
			t.Errorf("a changed SESSDATA: %v", reply)
		}
		site.KillSession(mine[0])
		if site.Alive(mine[0]) || !site.Alive(mine[1]) {
			t.Error("the wrong session died")
		}
		site.Refresh.SetDue(mid, true)
		if _, reply := get(t, site, passporttest.PathCookieInfo, "Cookie", "SESSDATA="+mine[1]); data(reply)["refresh"] != true {
			t.Errorf("cookie/info: %v", reply)
		}
		if _, reply := get(t, site, passporttest.PathCookieInfo+"?csrf=wrong", "Cookie", "SESSDATA="+mine[1]); reply["code"] != -111.0 {
			t.Errorf("wrong csrf: %v", reply)
		}
		site.Kill(mid)
		if len(site.Sessions(mid)) != 0 || len(site.Sessions(7)) != 1 {
			t.Error("Kill reached too few or too many")
		}
		if _, reply := get(t, site, passporttest.PathCookieInfo, "Cookie", "SESSDATA="+mine[1]); reply["code"] != -101.0 {
			t.Errorf("dead: %v", reply)
		}
		site.SetSessionLife(time.Hour)
		site.Grant(mid)
		time.Sleep(time.Hour)
		if len(site.Sessions(mid)) != 0 {
			t.Error("a session outlived its end")
		}
	})
}

func TestForms(t *testing.T) {
	for form, want := range map[passporttest.Form]struct{ headers, query bool }{
		passporttest.FormHeaders: {headers: true},
		passporttest.FormBoth:    {headers: true, query: true},
		passporttest.FormQuery:   {query: true},
		passporttest.FormHop:     {},
	} {
		site := passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithForm(form))
		content, poll := newCode(t, site)
		must(t, site.QR.Scan(content, mid))
		must(t, site.QR.Confirm(content, mid))
		_, resp, d := state(t, site, poll)
		hop, _ := d["url"].(string)
		if got := len(resp.Cookies()) == 5; got != want.headers {
			t.Errorf("%s: %d cookies in the headers", form, len(resp.Cookies()))
		}
		if got := strings.Contains(hop, "SESSDATA="); got != want.query {
			t.Errorf("%s: url %q", form, hop)
		}
		if token, _ := d["refresh_token"].(string); len(token) != 32 {
			t.Errorf("%s: token %q", form, token)
		}
	}
}

func TestLibrariesAreTurnedAway(t *testing.T) {
	site := passporttest.New()
	for agent, want := range map[string]int{
		browser: 200, "Go-http-client/1.1": 412, "curl/8.0": 412, "python-requests/2": 412, "Mozilla/5.0 (compatible; somebot)": 412,
	} {
		if resp, _ := get(t, site, passporttest.PathNav, "User-Agent", agent); resp.StatusCode != want {
			t.Errorf("%q: %d, want %d", agent, resp.StatusCode, want)
		}
	}
}

// A trouble changes nothing: the code can still be used when it is over.
func TestTroublesDoNotAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		site.QR.SetCodeLifetime(time.Hour)
		content, poll := newCode(t, site)
		must(t, site.QR.Scan(content, mid))
		must(t, site.QR.Confirm(content, mid))
		for _, trouble := range passporttest.Troubles() {
			site.SetTrouble(passporttest.PathPoll, trouble)
			req, err := http.NewRequest(http.MethodGet, base+poll, nil)
			must(t, err)
			req.Header.Set("User-Agent", browser)
			client := &http.Client{Transport: site.Transport(), Timeout: time.Second}
			resp, err := client.Do(req)
			broken := trouble == passporttest.Hang || trouble == passporttest.Reset
			if (err != nil) != broken {
				t.Errorf("%s: %v", trouble, err)
			}
			if trouble == passporttest.Reset && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: %v", trouble, err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		}
		site.SetTrouble(passporttest.PathPoll, passporttest.None)
		if got, _, _ := state(t, site, poll); got != 0 {
			t.Errorf("state %v", got)
		}
	})
}

// These two knobs are the ones that act.
func TestLostAndCutReplies(t *testing.T) {
	for name, knob := range map[string]func(*passporttest.Site, string, int){
		"lost": (*passporttest.Site).LoseReply, "cut": (*passporttest.Site).CutReply,
	} {
		t.Run(name, func(t *testing.T) {
			site := passporttest.New(passporttest.WithUser(mid, "example"))
			server, err := site.Start()
			must(t, err)
			defer server.Close()
			content, poll := newCode(t, site)
			must(t, site.QR.Scan(content, mid))
			must(t, site.QR.Confirm(content, mid))
			knob(site, passporttest.PathPoll, 1)
			for _, via := range []struct {
				transport http.RoundTripper
				base      string
			}{{&http.Transport{DisableKeepAlives: true}, server.URL}, {site.Transport(), base}} {
				req, err := http.NewRequest(http.MethodGet, via.base+poll, nil)
				must(t, err)
				req.Header.Set("User-Agent", browser)
				resp, err := via.transport.RoundTrip(req)
				if err == nil {
					if len(resp.Cookies()) != 5 {
						t.Errorf("%d cookies came", len(resp.Cookies()))
					}
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if err == nil {
					t.Error("the reply came whole")
				}
				if got, _, _ := state(t, site, poll); got != 86038 {
					t.Errorf("state %v: it did not act", got)
				}
				content, poll = newCode(t, site)
				must(t, site.QR.Scan(content, mid))
				must(t, site.QR.Confirm(content, mid))
				knob(site, passporttest.PathPoll, 1)
			}
		})
	}
}

func TestCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New()
		for range 5 {
			get(t, site, passporttest.PathNav, "Cookie", "a=b")
			time.Sleep(20 * time.Second)
		}
		get(t, site, passporttest.PathFinger)
		if site.Requests(passporttest.PathNav) != 5 || site.Requests(passporttest.Any) != 6 {
			t.Errorf("%d of %d", site.Requests(passporttest.PathNav), site.Requests(passporttest.Any))
		}
		// At 0, 20, 40, 60, 80 and 100: the 60th second is the next window's.
		if got := site.MostInWindow(time.Minute); got != 3 {
			t.Errorf("%d in a minute, want 3", got)
		}
		log := site.Log()
		if !log[0].Cookie || log[5].Cookie || log[0].UserAgent != browser || log[0].Method != http.MethodGet {
			t.Errorf("log %+v", log)
		}
		site.ResetLog()
		if site.Requests(passporttest.Any) != 0 || site.MostInWindow(time.Hour) != 0 {
			t.Error("the log was not forgotten")
		}
	})
}

func TestAdmin(t *testing.T) {
	site := passporttest.New()
	server, err := site.Start()
	must(t, err)
	defer server.Close()
	post := func(name string, form url.Values, want int) {
		t.Helper()
		resp, err := http.PostForm(server.URL+"/_sim/"+name, form)
		must(t, err)
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != want {
			t.Errorf("%s %v: %d %s", name, form, resp.StatusCode, body)
		}
	}
	me := url.Values{"mid": {"100200300"}, "uname": {"example"}}
	post("scan", me, 400) // no user, no code
	post("user", me, 200)
	content, poll := newCode(t, site)
	post("scan", me, 200) // the newest code
	post("confirm", url.Values{"mid": {"100200300"}, "url": {content}}, 200)
	if got, _, _ := state(t, site, poll); got != 0 {
		t.Errorf("state %v", got)
	}
	if len(site.Sessions(mid)) != 1 {
		t.Error("no session")
	}
	post("due", me, 200)
	post("kill", me, 200)
	if len(site.Sessions(mid)) != 0 {
		t.Error("the session lives")
	}
	post("kill", url.Values{"mid": {"-1"}}, 400)
	post("trouble", url.Values{"kind": {"http-502"}, "path": {passporttest.PathNav}}, 200)
	if resp, _ := get(t, site, passporttest.PathNav); resp.StatusCode != 502 {
		t.Errorf("status %d", resp.StatusCode)
	}
	post("trouble", url.Values{"kind": {"none"}, "path": {passporttest.PathNav}}, 200)
	if resp, _ := get(t, site, passporttest.PathNav); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	post("trouble", url.Values{"kind": {"nonsense"}}, 400)
	post("form", url.Values{"form": {"hop"}}, 200)
	post("form", url.Values{"form": {"nonsense"}}, 400)
	post("lifetime", url.Values{"code": {"90s"}, "session": {"1h"}}, 200)
	post("lifetime", url.Values{"code": {"soon"}}, 400)
	post("lose", url.Values{"path": {passporttest.PathPoll}, "n": {"1"}}, 200)
	post("lose", url.Values{"n": {"1"}}, 400)
	post("nonsense", nil, 404)
	for name, want := range map[string]int{"log": 200, "sessions": 200, "codes": 200, "troubles": 200, "kill": 405} {
		resp, err := http.Get(server.URL + "/_sim/" + name)
		must(t, err)
		var v any
		if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != want {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, err)
		}
		_ = resp.Body.Close()
	}
	for _, r := range site.Log() {
		if strings.HasPrefix(r.Path, "/_sim/") {
			t.Errorf("the admin's own %s was counted", r.Path)
		}
	}
}

func TestCloseBreaksOffWhatHangs(t *testing.T) {
	site := passporttest.New()
	site.SetTrouble(passporttest.Any, passporttest.Hang)
	server, err := site.Start()
	must(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := http.Get(server.URL + passporttest.PathNav)
		failed <- err
	}()
	for site.Requests(passporttest.Any) == 0 {
		select {
		case err := <-failed:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	server.Close()
	if err := <-failed; err == nil {
		t.Error("an answer came")
	}
}
