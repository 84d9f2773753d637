package passport_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// solved is a captcha that a person has done.
func solved(t *testing.T, c *passport.Client, legacy bool) passport.SMSRequest {
	t.Helper()
	puzzle, err := c.Captcha(t.Context(), device(), legacy)
	if err != nil || puzzle.Type != "geetest" || puzzle.GT == "" {
		t.Fatalf("%+v, %v", puzzle, err)
	}
	validate, seccode := passporttest.SolveCaptcha(puzzle.Challenge)
	return passport.SMSRequest{Phone: secret.New(phone), CID: 1, Captcha: puzzle, Validate: secret.New(validate), Seccode: secret.New(seccode)}
}

// sent is a message that arrived, and its answer.
func sent(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) passport.SMSLogin {
	t.Helper()
	key, err := c.SendSMS(t.Context(), device(), solved(t, c, legacy), legacy)
	if err != nil || key.IsZero() != legacy {
		t.Fatalf("key %q, %v", key.Reveal(), err)
	}
	return passport.SMSLogin{Phone: secret.New(phone), CID: 1, Code: secret.New(site.SMS.Code(phone)), Key: key}
}

func bothAPIs(t *testing.T, test func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool)) {
	for name, legacy := range map[string]bool{"current": false, "legacy": true} {
		t.Run(name, func(t *testing.T) {
			site := newSite()
			site.SMS.AddPhone(mid, phone)
			test(t, site, overHTTP(t, site, passport.IntlOptions{}), legacy)
		})
	}
}

func TestSMSLogin(t *testing.T) {
	bothAPIs(t, func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) {
		answer := sent(t, site, c, legacy)
		grant, v, err := c.LoginSMS(t.Context(), device(), answer, legacy)
		if err != nil || v != (passport.Verification{}) {
			t.Fatal(err)
		}
		if grant.RefreshToken.IsZero() != legacy || grant.Mid() != mid || len(grant.Missing()) != 0 {
			t.Errorf("mid %d, missing %v", grant.Mid(), grant.Missing())
		}
		if left := time.Until(passport.Expiry(grant.Cookies)); left < 179*24*time.Hour {
			t.Errorf("the session lives for %v", left)
		}
		n := site.Requests(passporttest.Any)
		if whole, err := web(c).Collect(t.Context(), device(), grant); err != nil || whole.Mid() != mid || site.Requests(passporttest.Any) != n {
			t.Errorf("collect: %v", err)
		}
		if id, err := web(c).Identify(t.Context(), session(grant)); err != nil || id.Mid != mid {
			t.Errorf("nav: %v", err)
		}
		// A code is good once.
		if _, _, err := c.LoginSMS(t.Context(), device(), answer, legacy); !errors.Is(err, passport.ErrCodeExpired) {
			t.Errorf("again: %v", err)
		}
	})
}

func TestSMSWrongCode(t *testing.T) {
	bothAPIs(t, func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) {
		answer := sent(t, site, c, legacy)
		wrong := answer
		wrong.Code = secret.New("not" + answer.Code.Reveal())
		n := site.Requests(passporttest.Any)
		if _, _, err := c.LoginSMS(t.Context(), device(), wrong, legacy); !errors.Is(err, passport.ErrWrongCode) || site.Requests(passporttest.Any) != n {
			t.Errorf("letters: %v", err)
		}
		wrong.Code = secret.New("9" + answer.Code.Reveal())
		_, _, err := c.LoginSMS(t.Context(), device(), wrong, legacy)
		if !errors.Is(err, passport.ErrWrongCode) || !strings.Contains(err.Error(), "1006 (the code from the message is wrong)") {
			t.Errorf("%v", err)
		}
		if _, _, err := c.LoginSMS(t.Context(), device(), answer, legacy); err != nil {
			t.Errorf("the right one after it: %v", err)
		}
	})
}

func TestSMSSendRefusals(t *testing.T) {
	bothAPIs(t, func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) {
		send := func(change func(*passport.SMSRequest), d passport.Device) error {
			r := solved(t, c, legacy)
			change(&r)
			_, err := c.SendSMS(t.Context(), d, r, legacy)
			return err
		}
		other := device()
		other.UserAgent = "Mozilla/5.0 (another)"
		for _, row := range []struct {
			name   string
			change func(*passport.SMSRequest)
			device passport.Device
			want   error
			asked  bool
		}{
			{"not solved", func(r *passport.SMSRequest) { r.Validate = secret.New("x") }, device(), passport.ErrCaptcha, true},
			{"no solution", func(r *passport.SMSRequest) { r.Validate = secret.String{} }, device(), passport.ErrCaptcha, false},
			{"another captcha", func(r *passport.SMSRequest) { r.Captcha.Token = "x" }, device(), passport.ErrCaptcha, true},
			{"short number", func(r *passport.SMSRequest) { r.Phone = secret.New("1380") }, device(), passport.ErrBadNumber, true},
			{"country in the number", func(r *passport.SMSRequest) { r.Phone = secret.New("+4413800000000") }, device(), passport.ErrBadNumber, false},
			{"no number", func(r *passport.SMSRequest) { r.Phone = secret.String{} }, device(), passport.ErrBadNumber, false},
			{"another browser", func(*passport.SMSRequest) {}, other, passport.ErrSMSRefused, true},
			{"as it should be", func(r *passport.SMSRequest) {
				r.Phone, r.CID, r.Seccode = secret.New("（+８６）138 0000-0000"), 0, secret.String{}
			}, device(), nil, true},
		} {
			site.ResetLog()
			err := send(row.change, row.device)
			if !errors.Is(err, row.want) {
				t.Errorf("%s: %v", row.name, err)
			}
			if asked := site.Requests(passporttest.Any) == 2; asked != row.asked {
				t.Errorf("%s: asked %v", row.name, asked)
			}
		}
		// A captcha is good once, and another message only after a minute.
		if len(site.SMS.Code(phone)) != 6 {
			t.Errorf("the phone got %q", site.SMS.Code(phone))
		}
		err := send(func(*passport.SMSRequest) {}, device())
		e, _ := errors.AsType[*passport.Error](err)
		if !errors.Is(err, passport.ErrTooSoon) || e.RetryAfter != time.Minute || e.Code != 1003 {
			t.Errorf("%v", err)
		}
	})
}

func TestSMSCodeRunsOut(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.SMS.AddPhone(mid, phone)
			c := inMemory(t, site, generous())
			answer := sent(t, site, c, legacy)
			time.Sleep(5 * time.Minute)
			if _, _, err := c.LoginSMS(t.Context(), device(), answer, legacy); !errors.Is(err, passport.ErrCodeExpired) {
				t.Errorf("%v", err)
			}
			again := sent(t, site, c, legacy)
			if _, _, err := c.LoginSMS(t.Context(), device(), again, legacy); err != nil {
				t.Errorf("with another: %v", err)
			}
		})
	}
}

func TestSMSVerification(t *testing.T) {
	bothAPIs(t, func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) {
		site.SMS.SetVerification(mid, 2)
		grant, v, err := c.LoginSMS(t.Context(), device(), sent(t, site, c, legacy), legacy)
		if !errors.Is(err, passport.ErrVerification) || passport.ClassOf(err) != passport.Unknown || v.Status != 2 {
			t.Fatalf("%v", err)
		}
		if !strings.HasPrefix(v.URL.Reveal(), "https://passport.bilibili.com/") || len(grant.Cookies) != 0 {
			t.Errorf("leads to %q with %d cookies", v.URL.Reveal(), len(grant.Cookies))
		}
		if strings.Contains(err.Error(), "tmp_token") {
			t.Errorf("error text %q", err)
		}
	})
}

func TestSMSNewAccount(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		site := newSite() // the phone is nobody's
		c := overHTTP(t, site, passport.IntlOptions{})
		grant, _, err := c.LoginSMS(t.Context(), device(), sent(t, site, c, legacy), legacy)
		if !errors.Is(err, passport.ErrNewAccount) || len(grant.Cookies) != 0 || !grant.RefreshToken.IsZero() {
			t.Errorf("%v with %d cookies", err, len(grant.Cookies))
		}
	}
}

func TestSMSOtherNumber(t *testing.T) {
	site := newSite()
	site.SMS.AddPhone(mid, phone)
	c := overHTTP(t, site, passport.IntlOptions{})
	answer := sent(t, site, c, false)
	number, country := answer, answer
	number.Phone, country.CID = secret.New("13900000000"), 4
	for _, wrong := range []passport.SMSLogin{number, country} {
		if _, _, err := c.LoginSMS(t.Context(), device(), wrong, false); !errors.Is(err, passport.ErrBadNumber) {
			t.Errorf("%v", err)
		}
	}
	answer.Key = secret.String{}
	if _, _, err := c.LoginSMS(t.Context(), device(), answer, false); !errors.Is(err, passport.ErrCodeExpired) {
		t.Errorf("without a key: %v", err)
	}
}

// Every code has its sentinel, words beside the number, and leaves sessions and
// breakers alone.
func TestSMSCodes(t *testing.T) {
	site := newSite()
	c := overHTTP(t, site, passport.IntlOptions{})
	sentinels := []error{
		passport.ErrWrongCode, passport.ErrCodeExpired, passport.ErrTooSoon, passport.ErrBadNumber,
		passport.ErrCaptcha, passport.ErrDailyLimit, passport.ErrSMSRefused,
	}
	for code, want := range map[int]error{
		1002: passport.ErrBadNumber, 1003: passport.ErrTooSoon, 1006: passport.ErrWrongCode, 1007: passport.ErrCodeExpired,
		1025: passport.ErrBadNumber, 2400: passport.ErrCaptcha, 2406: passport.ErrCaptcha, -105: passport.ErrCaptcha,
		86103: passport.ErrSMSRefused, 86202: passport.ErrWrongCode, 86203: passport.ErrDailyLimit,
		86205: passport.ErrCodeExpired, 86206: passport.ErrBadNumber, 86207: passport.ErrBadNumber,
		-3: nil, -102: nil, -111: nil, -400: nil, -403: nil, -404: nil, -405: nil, -625: nil, -629: nil, -643: nil, -658: nil,
		-662: nil, -663: nil, -903: nil, 2202: nil, 20000: nil, 86000: nil, 86036: nil, 86038: nil, 86039: nil, 86090: nil,
		86095: nil, 86096: nil, 86101: nil, 10018100: nil, 10018101: nil, 10018102: nil, -101: nil,
	} {
		site.SetTrouble(passporttest.Any, passporttest.CodeTrouble(code))
		for op, ask := range operations(c) {
			if !strings.Contains(op, "sms") && op != "login/rapid" {
				continue
			}
			err := ask(t.Context())
			e, ok := errors.AsType[*passport.Error](err)
			if !ok || e.Class != passport.Unknown || e.Code != code || !strings.Contains(e.Detail, " (") {
				t.Errorf("%s, %d: %v", op, code, err)
			}
			for _, one := range sentinels {
				if errors.Is(err, one) != (one == want) {
					t.Errorf("%s, %d: %v is %v", op, code, err, one)
				}
			}
		}
	}
}

// The forms, to the letter.
func TestSMSForms(t *testing.T) {
	var path string
	var body []byte
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		path = r.Method + " " + r.URL.RequestURI()
		body = nil
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
			if r.GetBody != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s can be sent twice", path)
			}
		}
		return says(200, "application/json", `{"code":0,"data":{"captcha_key":"K","status":0}}`)(r)
	})
	c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: transport})
	for _, row := range []struct {
		op   string
		path string
		form url.Values
		raw  string
	}{
		{"captcha", "GET /x/passport-login/captcha?source=main_web", nil, ""},
		{"captcha/combine", "GET /web/captcha/combine?plat=6", nil, ""},
		{"country/list", "GET /web/generic/country/list", nil, ""},
		{"sms/send", "POST /x/passport-login/web/sms/send", url.Values{
			"cid": {"1"}, "tel": {phone}, "source": {"main_web"}, "token": {"t"}, "challenge": {"abc"},
			"validate": {"cba"}, "seccode": {"cba|jordan"},
		}, "seccode=cba%7Cjordan"},
		{"sms/general/send", "POST /web/sms/general/v2/send", url.Values{
			"tel": {phone}, "cid": {"1"}, "type": {"21"}, "captchaType": {"6"}, "key": {"t"}, "challenge": {"abc"},
			"validate": {"cba"}, "seccode": {"cba|jordan"},
		}, "seccode=cba%7Cjordan"},
		{"login/sms", "POST /x/passport-login/web/login/sms", url.Values{
			"cid": {"1"}, "tel": {phone}, "code": {"123456"}, "source": {"main_web"}, "captcha_key": {"k"},
			"go_url": {"https://www.bilibili.com"}, "keep": {"true"},
		}, "go_url=https%3A%2F%2Fwww.bilibili.com"},
		{"login/rapid", "POST /web/login/rapid", url.Values{
			"cid": {"1"}, "tel": {phone}, "smsCode": {"123456"}, "source": {"main-web"},
			"goUrl": {"https://space.bilibili.com"}, "keep": {"true"},
		}, "goUrl=https%3A%2F%2Fspace.bilibili.com"},
	} {
		_ = operations(c)[row.op](t.Context())
		form, err := url.ParseQuery(string(body))
		if err != nil || path != row.path || form.Encode() != row.form.Encode() || !strings.Contains(string(body), row.raw) {
			t.Errorf("%s: %s with %q", row.op, path, body)
		}
	}
}

func TestCountries(t *testing.T) {
	site := newSite()
	list, err := overHTTP(t, site, passport.IntlOptions{}).Countries(t.Context(), device())
	if err != nil || len(list) != 8 || list[0] != (passport.Country{ID: 1, Name: "中国大陆", Code: "86"}) {
		t.Errorf("%+v, %v", list, err)
	}
	for body, want := range map[string]int{
		`{"code":0,"data":{"common":[{"id":"4","cname":"a","country_id":1}],"others":[{"id":4,"cname":"again","country_id":"1"}]}}`:                                 1,
		`{"code":0,"data":{"others":[{"id":0,"cname":"a","country_id":"1"},{"id":2,"cname":"a\u001b[2J","country_id":"1"},{"id":3,"cname":"a","country_id":"x"}]}}`: 0,
		`{"code":0,"data":[]}`: 0,
	} {
		c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body)})
		got, err := c.Countries(t.Context(), device())
		if len(got) != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// What the site does on a POST is done once: a lost answer is not asked for
// again, and the error says that the site may have acted.
func TestSMSPostsAreSentOnce(t *testing.T) {
	bothAPIs(t, func(t *testing.T, site *passporttest.Site, c *passport.Client, legacy bool) {
		sendPath, loginPath := passporttest.PathSMSSend, passporttest.PathSMSLogin
		if legacy {
			sendPath, loginPath = passporttest.PathSMSSendLegacy, passporttest.PathSMSLoginLegacy
		}
		site.LoseReply(loginPath, 1)
		answer := sent(t, site, c, legacy)
		_, _, err := c.LoginSMS(t.Context(), device(), answer, legacy)
		e, _ := errors.AsType[*passport.Error](err)
		if passport.ClassOf(err) != passport.Unreachable || !e.Sent || site.Requests(loginPath) != 1 || len(site.Sessions(mid)) != 1 {
			t.Errorf("%v after %d requests", err, site.Requests(loginPath))
		}
		site.LoseReply(sendPath, 1)
		_, err = c.SendSMS(t.Context(), device(), solved(t, c, legacy), legacy)
		if passport.ClassOf(err) != passport.Unreachable || site.Requests(sendPath) != 2 {
			t.Errorf("%v after %d requests", err, site.Requests(sendPath))
		}
	})
}
