package passporttest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const phone = "13800000000"

// puzzle is a captcha as the site gives it, and what its widget makes of it.
func puzzle(t *testing.T, site *passporttest.Site, legacy bool) url.Values {
	t.Helper()
	path, inner, name := passporttest.PathCaptcha, "geetest", "token"
	if legacy {
		path, inner, name = passporttest.PathCaptchaLegacy+"?plat=6", "result", "key"
	}
	_, reply := get(t, site, path)
	part, _ := data(reply)[inner].(map[string]any)
	challenge, _ := part["challenge"].(string)
	token, _ := data(reply)[name].(string)
	if legacy {
		token, _ = part[name].(string)
	}
	if challenge == "" || token == "" || part["gt"] == "" {
		t.Fatalf("captcha %v", reply)
	}
	validate, seccode := passporttest.SolveCaptcha(challenge)
	form := url.Values{"cid": {"1"}, "tel": {phone}, "challenge": {challenge}, "validate": {validate}, "seccode": {seccode}, name: {token}}
	if legacy {
		form["type"], form["captchaType"] = []string{"21"}, []string{"6"}
	} else {
		form["source"] = []string{"main_web"}
	}
	return form
}

func captchaKey(text string) string {
	var reply struct {
		Data struct {
			CaptchaKey string `json:"captcha_key"`
		}
	}
	_ = json.Unmarshal([]byte(text), &reply)
	return reply.Data.CaptchaKey
}

func TestSMSOfTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := passporttest.New(passporttest.WithUser(mid, "example"))
		site.SMS.AddPhone(mid, phone)
		form := puzzle(t, site, false)
		legacy := puzzle(t, site, true)
		for _, row := range []struct {
			name, path string
			form       url.Values
			want       int
		}{
			{"a legacy captcha", passporttest.PathSMSSend, url.Values{"source": {"main_web"}, "token": legacy["key"], "challenge": legacy["challenge"]}, 2400},
			{"nothing", passporttest.PathSMSSend, url.Values{}, -400},
			{"not a POST", passporttest.PathSMSSend, nil, -405},
			{"no type", passporttest.PathSMSSendLegacy, form, -400},
			{"as it should be", passporttest.PathSMSSend, form, 0},
			{"the captcha again", passporttest.PathSMSSend, form, 2400},
			{"within the minute", passporttest.PathSMSSendLegacy, legacy, 1003},
		} {
			if _, text := send(t, site, row.path, "", row.form); codeOf(text) != row.want {
				t.Errorf("%s: %s", row.name, text)
			}
		}
		if site.SMS.Code("13900000000") != "" || len(site.SMS.Code(phone)) != 6 {
			t.Errorf("code %q", site.SMS.Code(phone))
		}

		time.Sleep(time.Minute)
		_, text := send(t, site, passporttest.PathSMSSend, "", puzzle(t, site, false))
		answer := url.Values{"cid": {"1"}, "tel": {phone}, "code": {site.SMS.Code(phone)}, "source": {"main_web"}, "captcha_key": {captchaKey(text)}}
		for _, row := range []struct {
			name, field, value string
			want               int
		}{
			{"wrong code", "code", "x", 1006}, {"another number", "tel", "13900000000", 86207},
			{"another country", "cid", "86", 86206}, {"no key", "captcha_key", "", -400}, {"an old key", "captcha_key", "x", 1007},
		} {
			changed := url.Values{}
			for name, values := range answer {
				changed[name] = values
			}
			changed[row.field] = []string{row.value}
			if _, text := send(t, site, passporttest.PathSMSLogin, "", changed); codeOf(text) != row.want {
				t.Errorf("%s: %s", row.name, text)
			}
		}
		resp, text := send(t, site, passporttest.PathSMSLogin, "", answer)
		if codeOf(text) != 0 || len(resp.Cookies()) != 5 || !strings.Contains(text, `"refresh_token":"`) {
			t.Errorf("login: %s", text)
		}
		// Without "keep" the cookies live for days.
		if left := time.Until(resp.Cookies()[0].Expires); left > 6*24*time.Hour {
			t.Errorf("lives for %v", left)
		}
		if _, text := send(t, site, passporttest.PathSMSLogin, "", answer); codeOf(text) != 1007 {
			t.Errorf("again: %s", text)
		}
	})
}

func TestLegacySMSOfTheSite(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	site.SMS.AddPhone(mid, phone)
	if _, text := send(t, site, passporttest.PathSMSSendLegacy, "", puzzle(t, site, true)); codeOf(text) != 0 || strings.Contains(text, "captcha_key") {
		t.Fatal(text)
	}
	answer := url.Values{"cid": {"1"}, "tel": {phone}, "smsCode": {site.SMS.Code(phone)}, "source": {"main-web"}, "keep": {"true"}}
	if _, text := send(t, site, passporttest.PathSMSLogin, "", url.Values{
		"cid": {"1"}, "tel": {phone}, "code": {site.SMS.Code(phone)}, "source": {"main_web"}, "captcha_key": {"x"},
	}); codeOf(text) != 1007 {
		t.Errorf("the other pair's login: %s", text)
	}
	resp, text := send(t, site, passporttest.PathSMSLoginLegacy, "", answer)
	if codeOf(text) != 0 || len(resp.Cookies()) != 5 || strings.Contains(text, "refresh_token") {
		t.Errorf("login: %s", text)
	}
}

func TestRealmsOfTheSite(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	web, intl := site.Grant(mid), site.Intl.Grant(mid)
	cookie := func(lines []string) string {
		header, _, _ := strings.Cut(lines[0], ";")
		return header
	}
	if _, reply := get(t, site, passporttest.PathNav, "Cookie", cookie(intl)); reply["code"] != -101.0 {
		t.Errorf("nav: %v", reply)
	}
	if _, reply := get(t, site, passporttest.PathIntlUser, "Cookie", cookie(web)); data(reply)["is_login"] != false {
		t.Errorf("user: %v", reply)
	}
	if _, reply := get(t, site, passporttest.PathIntlUser, "Cookie", cookie(intl)); data(reply)["is_login"] != true {
		t.Errorf("user: %v", reply)
	}
	_, reply := get(t, site, passporttest.PathIntlGenerate)
	content, _ := data(reply)["qr_url"].(string)
	if codes := site.QR.Codes(); len(codes) != 1 || codes[0] != content || !strings.HasPrefix(content, "https://www.bilibili.tv/") {
		t.Errorf("codes %v", codes)
	}
	// A code of one realm is no code of the other.
	_, key, _ := strings.Cut(content, "ticket=")
	if got, _, _ := state(t, site, passporttest.PathPoll+"?qrcode_key="+key); got != 86038 {
		t.Errorf("state %v", got)
	}
	if _, reply := get(t, site, passporttest.PathIntlPoll+"?ticket="+key); reply["code"] != 10018101.0 {
		t.Errorf("fetch: %v", reply)
	}
}

func TestAdminOfTheLogins(t *testing.T) {
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	server, err := site.Start()
	must(t, err)
	defer server.Close()
	for _, row := range []struct {
		name string
		form url.Values
		want int
	}{
		{"phone", url.Values{"mid": {"100200300"}, "phone": {phone}}, 200}, {"phone", url.Values{"mid": {"100200300"}}, 400},
		{"phone", nil, 400}, {"verify", url.Values{"mid": {"100200300"}, "status": {"2"}}, 200},
		{"verify", url.Values{"mid": {"100200300"}, "status": {"x"}}, 400}, {"verify", nil, 400},
		{"intl", url.Values{"flow": {"sso"}, "anonymous": {"code"}}, 200}, {"intl", url.Values{"flow": {"x"}}, 400},
		{"intl", url.Values{"anonymous": {"x"}}, 400}, {"intl", nil, 400}, {"sms", nil, 404},
	} {
		resp, err := http.PostForm(server.URL+"/_sim/"+row.name, row.form)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("%s %v: %d, want %d", row.name, row.form, resp.StatusCode, row.want)
		}
	}
	send(t, site, passporttest.PathSMSSend, "", puzzle(t, site, false))
	for path, want := range map[string]string{
		"/_sim/sms?phone=" + phone: site.SMS.Code(phone), "/_sim/sms": `""`, passporttest.PathWidget: "initGeetest",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		must(t, err)
		req.Header.Set("User-Agent", browser)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		var body bytes.Buffer
		_, err = body.ReadFrom(resp.Body)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || !strings.Contains(body.String(), want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body.String())
		}
	}
	if _, reply := get(t, site, passporttest.PathIntlUser); reply["code"] != -101.0 {
		t.Errorf("user: %v", reply)
	}
}
