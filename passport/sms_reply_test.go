package passport_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/bilikeeper/bilikeeper/passport"
)

func TestRepliesToLoginSMS(t *testing.T) {
	for _, row := range []struct {
		name, body string
		cookies    bool
		class      passport.Class
		is         error
		grant      bool
		url        string
	}{
		{"done", `{"code":0,"data":{"is_new":false,"status":0}}`, true, passport.OK, nil, true, ""},
		{"done, without a word of it", `{"code":0,"data":{"url":"https://www.bilibili.com"}}`, true, passport.OK, nil, true, ""},
		{"nothing at all", `{"code":0,"data":null}`, false, passport.Unknown, nil, false, ""},
		{"done, cookies elsewhere", `{"code":0,"data":{"status":0,"url":"` + realHop + `"}}`, false, passport.OK, nil, true, ""},
		{"new, in quotes", `{"code":0,"data":{"is_new":"true","status":0}}`, true, passport.Unknown, passport.ErrNewAccount, false, ""},
		{"new, as a number", `{"code":0,"data":{"is_new":1,"status":0}}`, true, passport.Unknown, passport.ErrNewAccount, false, ""},
		{"more wanted", `{"code":0,"data":{"status":1,"url":"https://passport.bilibili.com/v?tmp_token=x"}}`, false, passport.Unknown, passport.ErrVerification, false, "https://passport.bilibili.com/v?tmp_token=x"},
		{"more wanted, though there are cookies", `{"code":0,"data":{"status":5,"url":""}}`, true, passport.Unknown, passport.ErrVerification, false, ""},
		{"more wanted elsewhere", `{"code":0,"data":{"status":2,"url":"https://evil.example/v"}}`, false, passport.Unknown, passport.ErrVerification, false, ""},
		{"more wanted in the clear", `{"code":0,"data":{"status":2,"url":"http://passport.bilibili.com/v"}}`, false, passport.Unknown, passport.ErrVerification, false, ""},
		{"more wanted by a script", `{"code":0,"data":{"status":2,"url":"javascript:alert(1)//bilibili.com"}}`, false, passport.Unknown, passport.ErrVerification, false, ""},
		{"broken after the headers", `{"code":0,"da`, true, passport.OK, nil, true, ""},
		{"broken", `{"code":0,"da`, false, passport.Unreachable, nil, false, ""},
		{"not logged in", `{"code":-101}`, false, passport.Unknown, nil, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := says(200, "application/json", row.body)(r)
				if row.cookies {
					resp.Header["Set-Cookie"] = fullCookies()
				}
				return resp, err
			})
			c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: transport})
			grant, v, err := c.LoginSMS(t.Context(), device(), fakeAnswer(), false)
			if passport.ClassOf(err) != row.class || row.is != nil && !errors.Is(err, row.is) || v.URL.Reveal() != row.url {
				t.Errorf("%v, leads to %q", err, v.URL.Reveal())
			}
			if there := len(grant.Cookies) > 0 || !grant.HopURL.IsZero(); there != row.grant {
				t.Errorf("%d cookies", len(grant.Cookies))
			}
		})
	}
}

func TestSMSWithoutAKey(t *testing.T) {
	c := client(t, passport.Options{
		Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", `{"code":0,"data":{}}`),
	})
	if _, err := c.SendSMS(t.Context(), device(), fakeRequest(), false); !errors.Is(err, passport.ErrIncomplete) {
		t.Errorf("%v", err)
	}
}

func TestSMSWantsAnotherCaptcha(t *testing.T) {
	c := client(t, passport.Options{
		Endpoints: newSite().Endpoints(base), Limiter: generous(),
		Transport: says(200, "application/json", `{"code":0,"data":{"captcha_key":"","recaptcha_url":"https://www.bilibili.com/x"}}`),
	})
	if _, err := c.SendSMS(t.Context(), device(), fakeRequest(), false); !errors.Is(err, passport.ErrCaptcha) {
		t.Errorf("%v", err)
	}
}

func TestCaptchaReplies(t *testing.T) {
	for body, want := range map[string]passport.Captcha{
		`{"code":0,"data":{"type":"geetest","token":"t","geetest":{"challenge":"c","gt":"g"}}}`: {Type: "geetest", GT: "g", Challenge: "c", Token: "t"},
		`{"code":0,"data":{"type":"tencent","token":"t","tencent":{"appid":"1"}}}`:              {},
		`{"code":0,"data":{"type":"geetest","geetest":{"challenge":"c","gt":"g"}}}`:             {},
		`{"code":0,"data":null}`: {},
		`{"code":-400}`:          {},
	} {
		c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body)})
		got, err := c.Captcha(t.Context(), device(), false)
		if got != want || (err == nil) != (want.GT != "") {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}
