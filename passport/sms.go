package passport

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

// Outcomes of a login by SMS.
var (
	// ErrWrongCode: the code is not the one of the message; it may be typed again.
	ErrWrongCode = errors.New("the code from the message is wrong")
	// ErrCodeExpired: a new message is needed.
	ErrCodeExpired = errors.New("the code from the message has expired")
	// ErrTooSoon: the number had a message within the last minute.
	ErrTooSoon = errors.New("a message has just been sent to this number")
	// ErrBadNumber: the number is wrong, not served, or not the one that the
	// message went to.
	ErrBadNumber = errors.New("the phone number cannot be used")
	// ErrCaptcha: the captcha was not solved, or is used up; a new one is needed.
	ErrCaptcha = errors.New("the captcha was refused")
	// ErrDailyLimit: the number gets no more messages today.
	ErrDailyLimit = errors.New("the number's messages of today are used up")
	// ErrSMSRefused: the site's risk control wants no SMS from here. A QR code
	// may still work.
	ErrSMSRefused = errors.New("the site refuses to send a message")
	// ErrVerification: the site wants a person to prove more at the address of
	// the Verification.
	ErrVerification = errors.New("the site wants a further verification")
	// ErrNewAccount: the number belonged to nobody, and the site made an
	// account for it. Nothing of that login is returned.
	ErrNewAccount = errors.New("the site made a new account for this number")
)

const (
	pathSMSSend        = "/x/passport-login/web/sms/send"
	pathSMSLogin       = "/x/passport-login/web/login/sms"
	pathSMSSendLegacy  = "/web/sms/general/v2/send"
	pathSMSLoginLegacy = "/web/login/rapid"

	smsSource       = "main_web"
	smsSourceLegacy = "main-web"

	// smsSpacing is how long the site keeps two messages to a number apart.
	smsSpacing = time.Minute

	// defaultCID is China in the site's list of countries.
	defaultCID = 1
	// codeOfChina is what some of the site's own pages send in its place.
	codeOfChina = 86
)

// OtherCID is the site's other number for China. Its own pages send the one or the
// other, and where one is refused as a wrong number the other may be taken.
func OtherCID(cid int) (other int, china bool) {
	switch cid {
	case 0, defaultCID:
		return codeOfChina, true
	case codeOfChina:
		return defaultCID, true
	}
	return cid, false
}

// SMSRequest asks for a message with a code.
type SMSRequest struct {
	// Phone is the number without its country.
	Phone secret.String
	// CID is a Country.ID, 0 is China.
	CID     int
	Captcha Captcha
	// Validate and Seccode are what the captcha's widget returned. Seccode may
	// be empty: it is always Validate and a fixed ending.
	Validate, Seccode secret.String
}

// SMSLogin answers a message.
type SMSLogin struct {
	Phone secret.String
	CID   int
	// Code is what the message says, Key what SendSMS returned.
	Code, Key secret.String
}

// Verification is where a person has to go before the site logs them in.
type Verification struct {
	// URL is an https address of the site, or empty where the site named none
	// that can be trusted. It holds a token of the login.
	URL secret.String
	// Status is the site's own number for what it wants.
	Status int
}

// SendSMS lets the site send a message and returns the key that LoginSMS needs;
// the legacy endpoint gives none. It is never sent twice: an error whose Sent is
// set may hide a message that is on its way.
func (c *Client) SendSMS(ctx context.Context, d Device, r SMSRequest, legacy bool) (key secret.String, err error) {
	q := call{op: "sms/send", device: d, base: c.bases.passport, path: pathSMSSend, urgent: true}
	if legacy {
		q.op, q.path = "sms/general/send", pathSMSSendLegacy
	}
	phone, ok := plainPhone(r.Phone, r.CID)
	switch {
	case !ok:
		return key, notPossible(q.op, ErrBadNumber, "the phone number must be digits, without the country's code")
	case r.Validate.IsZero() || r.Captcha.Challenge == "" || r.Captcha.Token == "":
		return key, notPossible(q.op, ErrCaptcha, "the captcha is not solved")
	}
	validate := r.Validate.Reveal()
	values := url.Values{
		"cid": {cid(r.CID)}, "tel": {phone}, "challenge": {r.Captcha.Challenge},
		"validate": {validate}, "seccode": {cmp.Or(r.Seccode.Reveal(), validate+"|jordan")},
	}
	if legacy {
		values["key"] = []string{r.Captcha.Token}
		values["type"], values["captchaType"] = []string{"21"}, []string{"6"}
	} else {
		values["token"], values["source"] = []string{r.Captcha.Token}, []string{smsSource}
	}
	q.form = form(values)
	got, err := c.ask(ctx, q)
	if err != nil || legacy {
		return key, smsOutcome(err)
	}
	data := got.object("data")
	text, _ := data.text("captcha_key")
	if again, _ := data.text("recaptcha_url"); text == "" && again != "" {
		e := unknown(q.op, "the site wants another captcha before it sends anything")
		e.Scope, e.Err = ScopeAccount, ErrCaptcha
		return key, e
	}
	if text == "" {
		e := unknown(q.op, "the message was sent, but the reply lacks the key that the login needs")
		e.Scope, e.Err = ScopeAccount, ErrIncomplete
		return key, e
	}
	return secret.New(text), nil
}

// LoginSMS logs in with the code from a message.
//
// As with Poll, a success comes once: the caller saves the grant before any
// other request and then lets Collect complete it; it does not cancel ctx while
// the request is under way, and the request is never sent twice. A grant of the
// legacy endpoint has no refresh token.
//
// ErrVerification comes with the Verification, and without a grant.
func (c *Client) LoginSMS(ctx context.Context, d Device, r SMSLogin, legacy bool) (Grant, Verification, error) {
	q := call{op: "login/sms", device: d, base: c.bases.passport, path: pathSMSLogin, urgent: true}
	if legacy {
		q.op, q.path = "login/rapid", pathSMSLoginLegacy
	}
	phone, ok := plainPhone(r.Phone, r.CID)
	code := strings.TrimSpace(r.Code.Reveal())
	switch {
	case !ok:
		return Grant{}, Verification{}, notPossible(q.op, ErrBadNumber, "the phone number must be digits, without the country's code")
	case !isDigits(code, 1, 12):
		return Grant{}, Verification{}, notPossible(q.op, ErrWrongCode, "the code must be digits")
	case r.Key.IsZero() && !legacy:
		return Grant{}, Verification{}, notPossible(q.op, ErrCodeExpired, "no message was sent before")
	}
	// Without "keep" the cookies are known to live for days only.
	values := url.Values{"cid": {cid(r.CID)}, "tel": {phone}, "keep": {"true"}}
	if legacy {
		values["smsCode"], values["source"] = []string{code}, []string{smsSourceLegacy}
		values["goUrl"] = []string{"https://space.bilibili.com"}
	} else {
		values["code"], values["source"] = []string{code}, []string{smsSource}
		values["captcha_key"], values["go_url"] = []string{r.Key.Reveal()}, []string{originWeb}
	}
	q.form = form(values)
	got, err := c.ask(ctx, q)
	if err != nil {
		// Whether the account is a new one is lost with the body. A login that
		// the site will not give again weighs more.
		if grant, ok := salvage(got); ok {
			return grant, Verification{}, nil
		}
		return Grant{}, Verification{}, smsOutcome(err)
	}
	return c.smsGrant(q.op, got)
}

// smsGrant reads a reply with code 0, which alone is no success.
func (c *Client) smsGrant(op string, r reply) (Grant, Verification, error) {
	data := r.object("data")
	status, said := data.number("status")
	grant := r.grant()
	switch {
	case data.truthy("is_new"):
		e := unknown(op, "the number belonged to nobody, so the site made a new account for it; it is not used")
		e.Scope, e.Err = ScopeAccount, ErrNewAccount
		return Grant{}, Verification{}, e
	case status != 0:
		text, _ := data.text("url")
		v := Verification{Status: int(status)}
		detail := "the site wants a further verification"
		if c.isSiteURL(text) {
			v.URL = secret.New(text)
		} else {
			detail += ", but names no address of its own for it"
		}
		e := unknown(op, detail)
		e.Scope, e.Err = ScopeAccount, ErrVerification
		return Grant{}, v, e
	case !said && len(grant.Missing()) > 0:
		return Grant{}, Verification{}, unknown(op, "the answer has no state")
	}
	token, _ := data.text("refresh_token")
	grant.RefreshToken = secret.New(token)
	// The address is that of a page to go to, unless it is one of the hops that
	// a login by QR code has.
	text, _ := data.text("url")
	if hop, e := c.hopTarget(nil, text); hop != nil && e == nil {
		grant.HopURL = secret.New(text)
	}
	return grant, Verification{}, nil
}

// isSiteURL is for an address that a person is sent to.
func (c *Client) isSiteURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !isPlainURL(text) || u.User != nil {
		return false
	}
	return u.Scheme == httpsScheme && sitehost.Own(u.Hostname()) || isBase(u, c.bases.passport)
}

// smsOutcome gives an error of the site's code its sentinel.
func smsOutcome(err error) error {
	err = outcome(err, map[int]error{
		codeWrongSMS: ErrWrongCode, codeAppWrongSMS: ErrWrongCode,
		codeSMSExpired: ErrCodeExpired, codeAppSMSExpired: ErrCodeExpired,
		codeTooSoon:   ErrTooSoon,
		codeBadNumber: ErrBadNumber, codeNumberBanned: ErrBadNumber,
		codeAreaDiffers: ErrBadNumber, codeNumberDiffers: ErrBadNumber,
		codeCaptchaToken: ErrCaptcha, codeCaptchaFailed: ErrCaptcha, codeCaptchaWrong: ErrCaptcha,
		codeDailyLimit: ErrDailyLimit, codeSMSRefused: ErrSMSRefused,
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Err == ErrTooSoon {
		e.RetryAfter = smsSpacing
	}
	return err
}

// plainPhone takes the number as people write it: with blanks, hyphens, dots and
// brackets, in full-width digits, and a Chinese one with its country before it.
// Another country's code is not taken off, since CID does not say what it is.
func plainPhone(phone secret.String, cid int) (string, bool) {
	text := strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == '＋':
			return '+'
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Pd, r), strings.ContainsRune(".()（）", r):
			return -1
		}
		return r
	}, phone.Reveal())
	if cid <= defaultCID || cid == codeOfChina {
		for _, prefix := range []string{"+86", "0086"} {
			text = strings.TrimPrefix(text, prefix)
		}
		if len(text) == 13 {
			text = strings.TrimPrefix(text, "86")
		}
	}
	return text, isDigits(text, 4, 15)
}

func cid(id int) string { return strconv.Itoa(cmp.Or(max(id, 0), defaultCID)) }

const (
	pathCaptcha       = "/x/passport-login/captcha"
	pathCaptchaLegacy = "/web/captcha/combine"
	pathCountries     = "/web/generic/country/list"

	captchaGeetest = "geetest"

	// maxCountries is above the number of countries there are.
	maxCountries = 512
)

// Country is one of the places that a phone number can belong to.
type Country struct {
	// ID is what SMSRequest and SMSLogin call CID.
	ID int
	// Name is in the site's language.
	Name string
	// Code is the calling code without a plus sign, "86".
	Code string
}

// Captcha is a puzzle for a person. The widget turns GT and Challenge into the
// two values that SMSRequest calls Validate and Seccode. It is good for one
// attempt, soon, and from the same browser string as the requests.
type Captcha struct {
	// Type is "geetest".
	Type          string
	GT, Challenge string
	// Token names the puzzle when the message is asked for. Without the
	// solution it is worth nothing.
	Token string
}

// Countries lists the places that the site sends messages to, the common ones
// first.
func (c *Client) Countries(ctx context.Context, d Device) ([]Country, error) {
	const op = "country/list"
	r, err := c.ask(ctx, call{op: op, device: d, base: c.bases.passport, path: pathCountries, urgent: true})
	if err != nil {
		return nil, err
	}
	var countries []Country
	known := make(map[int]bool)
	data := r.object("data")
	for _, list := range []string{"common", "others"} {
		for _, item := range data.list(list, maxCountries) {
			if one, ok := item.country(); ok && !known[one.ID] {
				known[one.ID] = true
				countries = append(countries, one)
			}
		}
	}
	if len(countries) == 0 {
		return nil, unknown(op, "the answer holds no countries")
	}
	return countries, nil
}

func (f fields) country() (Country, bool) {
	id, ok := f.number("id")
	name, _ := f.text("cname")
	code, isText := f.text("country_id")
	if !isText {
		code = string(f["country_id"])
	}
	// The name is shown in terminals.
	plain := name != "" && len(name) <= 200 && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
	return Country{ID: int(id), Name: name, Code: code}, ok && id > 0 && plain && isDigits(code, 1, 6)
}

func isDigits(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, "0123456789") == ""
}

// Captcha asks for a puzzle, of the site's present kind or, with legacy, of the
// one that its older endpoints take. One does not do for the other.
func (c *Client) Captcha(ctx context.Context, d Device, legacy bool) (Captcha, error) {
	q := call{
		op: "captcha", device: d, base: c.bases.passport, path: pathCaptcha,
		query: "source=" + smsSource, urgent: true,
	}
	if legacy {
		q.op, q.path, q.query = "captcha/combine", pathCaptchaLegacy, "plat=6"
	}
	r, err := c.ask(ctx, q)
	if err != nil {
		return Captcha{}, err
	}
	data := r.object("data")
	puzzle, token := data.object(captchaGeetest), data
	name := "token"
	if legacy {
		puzzle, token, name = data.object("result"), data.object("result"), "key"
	}
	var one Captcha
	one.GT, _ = puzzle.text("gt")
	one.Challenge, _ = puzzle.text("challenge")
	one.Token, _ = token.text(name)
	if one.GT == "" || one.Challenge == "" || one.Token == "" {
		return Captcha{}, unknown(q.op, "the answer holds no captcha of a kind that can be shown")
	}
	one.Type = captchaGeetest
	return one, nil
}
