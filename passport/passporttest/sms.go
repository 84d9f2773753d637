package passporttest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"time"
)

const (
	smsLife     = 5 * time.Minute
	smsSpacing  = time.Minute
	captchaLife = 10 * time.Minute
)

// SMS is the login by SMS at bilibili.com, and the phones.
type SMS struct {
	*state
	owners   map[string]int64 // by number
	verify   map[int64]int
	captchas map[string]*captcha // by token or key
	messages map[string]*message // by number, the latest
	china    string              // the number that stands for China
}

func newSMS(all *state) SMS {
	return SMS{
		state: all, owners: make(map[string]int64), verify: make(map[int64]int),
		captchas: make(map[string]*captcha), messages: make(map[string]*message), china: "1",
	}
}

func (s *SMS) routes() map[string]route {
	return map[string]route{
		PathCountries:      {http.MethodGet, s.countries},
		PathCaptcha:        {http.MethodGet, s.captcha},
		PathCaptchaLegacy:  {http.MethodGet, s.captchaLegacy},
		PathWidget:         {http.MethodGet, s.widget},
		PathSMSSend:        {http.MethodPost, s.sendCurrent},
		PathSMSSendLegacy:  {http.MethodPost, s.sendLegacy},
		PathSMSLogin:       {http.MethodPost, s.login},
		PathSMSLoginLegacy: {http.MethodPost, s.loginLegacy},
	}
}

// captcha is a puzzle that was given out. Its solution is the challenge written
// backwards, so that a stand-in for the widget can find it.
type captcha struct {
	challenge string
	legacy    bool
	userAgent string
	expires   time.Time
}

// message is what a phone received.
type message struct {
	key, phone, cid, code string
	legacy                bool
	sent                  time.Time
	used                  bool
}

// AddPhone gives a user a phone number. A login with a number that is nobody's
// makes a new account.
func (s *SMS) AddPhone(mid int64, phone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid)
	s.owners[phone] = mid
}

// Code returns the code of the latest message to a phone, "" where none came.
func (s *SMS) Code(phone string) (code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.messages[phone]; m != nil {
		return m.code
	}
	return ""
}

// SetVerification makes a user's logins by SMS end with that status, and an
// address for a further verification, instead of a session. 0 heals it.
func (s *SMS) SetVerification(mid int64, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verify[mid] = status
}

// SetChina sets which number stands for China, "1" or "86"; the other is refused.
func (s *SMS) SetChina(cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.china = cid
}

// SolveCaptcha is the person in front of the widget: it returns what the widget
// says of a solved puzzle.
func SolveCaptcha(challenge string) (validate, seccode string) {
	letters := []byte(challenge)
	slices.Reverse(letters)
	return string(letters), string(letters) + "|jordan"
}

func (s *SMS) countries(*http.Request) *answer {
	country := func(id int, name, code string) map[string]any {
		return map[string]any{"id": id, "cname": name, "country_id": code}
	}
	return envelope(0, "0", map[string]any{
		"common": []any{
			country(1, "中国大陆", "86"), country(5, "中国香港特别行政区", "852"),
			country(3, "中国台湾", "886"), country(4, "美国", "1"),
		},
		"others": []any{country(7, "澳大利亚", "61"), country(9, "加拿大", "1"), country(11, "新加坡", "65"), country(14, "英国", "44")},
	})
}

func (s *SMS) newCaptcha(r *http.Request, legacy bool) (token string, c *captcha) {
	now := time.Now()
	maps.DeleteFunc(s.captchas, func(_ string, c *captcha) bool { return !now.Before(c.expires) })
	token = randomHex(32)
	c = &captcha{challenge: randomHex(32), legacy: legacy, userAgent: r.UserAgent(), expires: now.Add(captchaLife)}
	s.captchas[token] = c
	return token, c
}

func (s *SMS) captcha(r *http.Request) *answer {
	token, c := s.newCaptcha(r, false)
	return envelope(0, "0", map[string]any{
		"type": "geetest", "token": token,
		"geetest": map[string]any{"challenge": c.challenge, "gt": randomHex(32)},
		"tencent": map[string]any{"appid": ""},
	})
}

func (s *SMS) captchaLegacy(r *http.Request) *answer {
	if r.URL.Query().Get("plat") == "" {
		return refused(-400)
	}
	key, c := s.newCaptcha(r, true)
	return envelope(0, "0", map[string]any{"type": 1, "result": map[string]any{
		"success": 1, "gt": randomHex(32), "challenge": c.challenge, "key": key,
	}})
}

// useCaptcha spends a puzzle and returns the code of what is wrong with it.
func (s *SMS) useCaptcha(r *http.Request, token string, legacy bool) int {
	c := s.captchas[token]
	if c == nil || c.legacy != legacy || !time.Now().Before(c.expires) || r.PostFormValue("challenge") != c.challenge {
		return 2400
	}
	delete(s.captchas, token)
	validate, seccode := SolveCaptcha(c.challenge)
	switch {
	case r.PostFormValue("validate") != validate || r.PostFormValue("seccode") != seccode:
		return 2406
	case r.UserAgent() != c.userAgent: // another browser than the widget's
		return 86103
	}
	return 0
}

func (s *SMS) sendCurrent(r *http.Request) *answer {
	if r.PostFormValue("source") == "" {
		return refused(-400)
	}
	m, code := s.send(r, r.PostFormValue("token"), false)
	if code != 0 {
		return refused(code)
	}
	return envelope(0, "0", map[string]any{"captcha_key": m.key})
}

func (s *SMS) sendLegacy(r *http.Request) *answer {
	if r.PostFormValue("type") != "21" || r.PostFormValue("captchaType") != "6" {
		return refused(-400)
	}
	if _, code := s.send(r, r.PostFormValue("key"), true); code != 0 {
		return refused(code)
	}
	return envelope(0, "验证码短信已下发", nil)
}

func (s *SMS) send(r *http.Request, token string, legacy bool) (*message, int) {
	phone, cid := r.PostFormValue("tel"), r.PostFormValue("cid")
	if code := s.useCaptcha(r, token, legacy); code != 0 {
		return nil, code
	}
	last := s.messages[phone]
	switch {
	case cid == "":
		return nil, -400
	case len(phone) < 5 || cid == s.china && len(phone) != 11, cid != s.china && (cid == "1" || cid == "86"):
		return nil, 1002
	case last != nil && time.Since(last.sent) < smsSpacing:
		return nil, 1003
	}
	m := &message{key: randomHex(32), phone: phone, cid: cid, code: randomCode(), legacy: legacy, sent: time.Now()}
	s.messages[phone] = m
	return m, 0
}

func randomCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "000000" // the reader never fails
	}
	return fmt.Sprintf("%06d", n)
}

// login finds the message by its key, so that it can tell another number.
func (s *SMS) login(r *http.Request) *answer {
	phone, key := r.PostFormValue("tel"), r.PostFormValue("captcha_key")
	if key == "" || r.PostFormValue("source") == "" {
		return refused(-400)
	}
	var m *message
	for _, one := range s.messages {
		if one.key == key {
			m = one
		}
	}
	if m != nil && m.phone != phone {
		return refused(86207)
	}
	return s.answer(r, m, r.PostFormValue("code"), false)
}

func (s *SMS) loginLegacy(r *http.Request) *answer {
	if r.PostFormValue("source") != "main-web" {
		return refused(-400)
	}
	return s.answer(r, s.messages[r.PostFormValue("tel")], r.PostFormValue("smsCode"), true)
}

func (s *SMS) answer(r *http.Request, m *message, code string, legacy bool) *answer {
	switch {
	case m == nil || m.used || m.legacy != legacy || time.Since(m.sent) >= smsLife:
		return refused(1007)
	case m.cid != r.PostFormValue("cid"):
		return refused(86206)
	case m.code != code:
		return refused(1006)
	}
	m.used = true
	mid, isNew := s.owners[m.phone], false
	if mid == 0 {
		for mid = 900_000_000; s.users[mid] != nil; mid++ {
		}
		s.addUser(mid)
		s.owners[m.phone], isNew = mid, true
	}
	reply := map[string]any{"is_new": isNew, "status": 0, "url": "https://space.bilibili.com"}
	if status := s.verify[mid]; status != 0 {
		reply["status"] = status
		reply["url"] = "https://passport.bilibili.com/h5-app/passport/risk/verify?tmp_token=" + randomHex(32) +
			"&request_id=" + randomHex(32) + "&source=risk"
		if !legacy {
			reply["message"] = "本次登录环境存在风险, 需使用手机号进行验证或绑定"
		}
		return envelope(0, "0", reply)
	}
	one := s.newSession(mid)
	if r.PostFormValue("keep") != "true" {
		one.expires = time.Now().Add(5 * 24 * time.Hour)
	}
	if legacy {
		one.token = ""
	} else {
		reply["url"], reply["refresh_token"] = "https://www.bilibili.com", one.token
		reply["message"], reply["hint"], reply["in_reg_audit"] = "", "", 0
		reply["timestamp"] = s.clock().UnixMilli()
	}
	a := envelope(0, "0", reply)
	a.header["Set-Cookie"] = one.setCookies("bilibili.com")
	return a
}

func (s *SMS) widget(*http.Request) *answer {
	return &answer{status: 200, header: newHeader("text/javascript; charset=utf-8"), body: []byte(widgetScript)}
}

// widgetScript has as much of the widget's interface as a page needs.
const widgetScript = `window.initGeetest = function (config, ready) {
  var on = {};
  var widget = {
    onReady: function (f) { setTimeout(f, 0); return widget; },
    onSuccess: function (f) { on.success = f; return widget; },
    onError: function (f) { on.error = f; return widget; },
    onClose: function (f) { on.close = f; return widget; },
    appendTo: function () { widget.verify(); return widget; },
    verify: function () {
      var b = document.createElement('button');
      b.id = 'sim-captcha';
      b.textContent = 'I am a person';
      b.onclick = function () { b.remove(); if (on.success) on.success(); };
      document.body.appendChild(b);
    },
    reset: function () {},
    destroy: function () {},
    getValidate: function () {
      var v = config.challenge.split('').reverse().join('');
      return { geetest_challenge: config.challenge, geetest_validate: v, geetest_seccode: v + '|jordan' };
    }
  };
  ready(widget);
};
`
