package page

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func TestSMS(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	if w := do(p, "POST", path+"/sms/send", `{"phone":"`+testPhone+`","token":"t","challenge":"c","validate":"fakevalidate"}`); w.Code != 409 {
		t.Errorf("to send without a login: %d %s", w.Code, w.Body)
	}
	p.logins.links = newLinks()
	do(p, "POST", path+"/start", "{}")
	w := do(p, "POST", path+"/sms/captcha", "{}")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"challenge":"fakechallenge"`) {
		t.Fatalf("captcha: %d %s", w.Code, w.Body)
	}
	if s := stateOf(t, do(p, "GET", path+"/state", "").Body.Bytes()); s.State != client.LoginCaptcha || s.Picture != "" {
		t.Errorf("%+v", s)
	}
	if w := do(p, "POST", path+"/sms/send", `{"phone":"+86 1","token":"t","challenge":"c","validate":"x"}`); w.Code != 422 || !strings.Contains(w.Body.String(), keyPhone) {
		t.Errorf("no number: %d %s", w.Code, w.Body)
	}
	w = do(p, "POST", path+"/sms/send", `{"phone":"`+testPhone+`","country":1,"token":"t","challenge":"c","validate":"fakevalidate"}`)
	if s := stateOf(t, w.Body.Bytes()); s.State != client.LoginSMSSent || f.sent.Phone != testPhone || f.sent.Country != 1 {
		t.Errorf("sent: %s", w.Body)
	}
	if w := do(p, "POST", path+"/sms/code", `{"code":"111111"}`); w.Code != 422 || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("wrong code: %d %s", w.Code, w.Body)
	}
	w = do(p, "POST", path+"/sms/code", `{"code":"`+testNumber+`"}`)
	if s := stateOf(t, w.Body.Bytes()); s.State != client.LoginSucceeded {
		t.Errorf("right code: %d %s", w.Code, w.Body)
	}
	want(t, f.log(), "start main web qr 120", "cancel login-1", "start main web sms 120", "captcha login-2")
}

// A script from where the policy does not let it in would fail in the browser
// without a word.
func TestForeignCaptcha(t *testing.T) {
	f := newFake()
	f.script = "https://evil.example/gt.js"
	p := f.page(t)
	if w := do(p, "POST", mainPath(p)+"/sms/captcha", "{}"); w.Code != 503 || strings.Contains(w.Body.String(), "evil") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSMSBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := p.path("main", "incident-main", 10*time.Hour)
		for range maxCaptchas {
			if w := do(p, "POST", path+"/sms/captcha", "{}"); w.Code != 200 {
				t.Fatal(w.Code)
			}
			time.Sleep(time.Minute)
		}
		if w := do(p, "POST", path+"/sms/captcha", "{}"); w.Code != 429 {
			t.Errorf("captchas without end: %d", w.Code)
		}
		for i := range maxMessages + 1 {
			w := do(p, "POST", path+"/sms/send", `{"phone":"`+testPhone+`","token":"t","challenge":"c","validate":"fakevalidate"}`)
			if (w.Code == 429) != (i == maxMessages) {
				t.Errorf("message %d: %d", i, w.Code)
			}
			time.Sleep(time.Minute)
		}
	})
}
