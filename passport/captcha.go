package passport

import (
	"context"
	"strings"
)

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
