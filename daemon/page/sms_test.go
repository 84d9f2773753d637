package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// solved is what the page sends for a phone, after a person solved the captcha of an answer.
func solved(t *testing.T, answer []byte, phone string) string {
	t.Helper()
	var c client.Captcha
	if err := json.Unmarshal(answer, &c); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	validate, _ := passporttest.SolveCaptcha(c.Challenge)
	return fmt.Sprintf(`{"phone":%q,"country":1,"token":%q,"challenge":%q,"validate":%q}`, phone, c.Token, c.Challenge, validate)
}

func TestSMS(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		if w := l.do("POST", path+"/sms/send", `{"phone":"`+keepertest.Phone+`","token":"t","challenge":"c","validate":"v"}`); w.Code != 409 {
			t.Errorf("to send without a login: %d %s", w.Code, w.Body)
		}
		l.page.logins.links = newLinks()
		first := l.shown(path, "/start")
		w := l.do("POST", path+"/sms/captcha", "{}")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"challenge":"`) {
			t.Fatalf("captcha: %d %s", w.Code, w.Body)
		}
		solution := solved(t, w.Body.Bytes(), keepertest.Phone)
		if s := stateOf(t, l.do("GET", path+"/state", "").Body.Bytes()); s.State != client.LoginCaptcha || s.Picture != "" || first.Picture == "" {
			t.Errorf("%+v", s)
		}
		if w := l.do("POST", path+"/sms/send", `{"phone":"+86 1","token":"t","challenge":"c","validate":"x"}`); w.Code != 422 || !strings.Contains(w.Body.String(), keyPhone) {
			t.Errorf("no number: %d %s", w.Code, w.Body)
		}
		w = l.do("POST", path+"/sms/send", solution)
		code := l.Site.SMS.Code(keepertest.Phone)
		if s := stateOf(t, w.Body.Bytes()); s.State != client.LoginSMSSent || code == "" {
			t.Errorf("sent: %s", w.Body)
		}
		wrong := strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
		if w := l.do("POST", path+"/sms/code", `{"code":"`+wrong+`"}`); w.Code != 422 || strings.TrimSpace(w.Body.String()) != `{"error":"`+keyRefused+`"}` {
			t.Errorf("wrong code: %d %s", w.Code, w.Body)
		}
		time.Sleep(time.Minute) // as often as a link may be used
		w = l.do("POST", path+"/sms/code", `{"code":"`+code+`"}`)
		if s := stateOf(t, w.Body.Bytes()); s.State != client.LoginVerifying && s.State != client.LoginSucceeded {
			t.Errorf("right code: %d %s", w.Code, w.Body)
		}
		l.until(client.LoginSucceeded)
		l.WantState(client.StateValid)
	})
}

// A script from where the policy does not let it in would fail in the browser
// without a word.
func TestForeignCaptcha(t *testing.T) {
	withLinks(t, func(c *Config) { c.CaptchaOrigin = "https://elsewhere.example" }, func(t *testing.T, l *linked) {
		if w := l.do("POST", l.main()+"/sms/captcha", "{}"); w.Code != 503 || strings.Contains(w.Body.String(), "geetest") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestSMSBudget(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.path("main", 10*time.Hour)
		for range maxCaptchas {
			if w := l.do("POST", path+"/sms/captcha", "{}"); w.Code != 200 {
				t.Fatal(w.Code)
			}
			time.Sleep(time.Minute)
		}
		if w := l.do("POST", path+"/sms/captcha", "{}"); w.Code != 429 {
			t.Errorf("captchas without end: %d", w.Code)
		}
		for i := range maxMessages + 1 {
			w := l.do("POST", path+"/sms/send", `{"phone":"`+keepertest.Phone+`","token":"t","challenge":"c","validate":"v"}`)
			if (w.Code == 429) != (i == maxMessages) {
				t.Errorf("message %d: %d", i, w.Code)
			}
			time.Sleep(10 * time.Second)
		}
	})
}
