package passport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

func TestRepliesToIntlUser(t *testing.T) {
	for body, want := range map[string]struct {
		class passport.Class
		code  int
		mid   int64
	}{
		`{"code":0,"data":{"is_login":true}}`:                                   {class: passport.OK, mid: 7},
		`{"code":0,"data":{"is_login":true,"mid":100200300,"uname":"example"}}`: {class: passport.OK, mid: mid},
		`{"code":0,"data":{"is_login":true,"mid":"100200300"}}`:                 {class: passport.OK, mid: mid},
		`{"code":0,"data":{"is_login":false}}`:                                  {class: passport.Dead},
		`{"code":-101,"data":null}`:                                             {class: passport.Dead, code: -101},
		`{"code":-101,"data":{"is_login":false}}`:                               {class: passport.Dead, code: -101},
		`{"code":-101,"data":{"is_login":true}}`:                                {class: passport.Unknown, code: -101},
		`{"code":0,"data":{"is_login":"true"}}`:                                 {class: passport.Unknown},
		`{"code":0,"data":{"is_login":"false"}}`:                                {class: passport.Unknown},
		`{"code":0,"data":{"is_login":0}}`:                                      {class: passport.Unknown},
		`{"code":0,"data":{"is_login":null}}`:                                   {class: passport.Unknown},
		`{"code":0,"data":{}}`:                                                  {class: passport.Unknown},
		`{"code":0,"data":null}`:                                                {class: passport.Unknown},
		`{"code":-111}`:                                                         {class: passport.Unknown, code: -111},
		`{"code":10003003}`:                                                     {class: passport.Unknown, code: 10003003},
		`{"code":10004004}`:                                                     {class: passport.Unknown, code: 10004004},
		`{"code":10004005}`:                                                     {class: passport.Unknown, code: 10004005},
		`{"code":10023006}`:                                                     {class: passport.Unknown, code: 10023006},
		`{"code":-352}`:                                                         {class: passport.Blocked, code: -352},
		`{"code":-500}`:                                                         {class: passport.Unreachable, code: -500},
		`{"code":0,"data":{"is_login":fal`:                                      {class: passport.Unreachable},
		`<html>{"code":-101}`:                                                   {class: passport.Blocked},
	} {
		c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body)})
		s := fakeSession()
		s.Cookies = append(s.Cookies, passport.Cookie{Name: "DedeUserID", Value: secret.New("7")})
		id, err := intl(c).Identify(t.Context(), s)
		got, _ := errors.AsType[*passport.Error](err)
		if passport.ClassOf(err) != want.class || id.Mid != want.mid || got != nil && got.Code != want.code {
			t.Errorf("%s: mid %d, %v", body, id.Mid, err)
		}
		if want.code > 10_000_000 && !strings.Contains(err.Error(), "(") {
			t.Errorf("%s: no words in %q", body, err)
		}
	}
}

func TestRepliesToIntlPoll(t *testing.T) {
	for body, want := range map[string]struct {
		state passport.ScanState
		class passport.Class
		mid   int64
	}{
		`{"code":10018101}`:                                             {passport.Waiting, passport.OK, 0},
		`{"code":"10018102"}`:                                           {passport.Scanned, passport.OK, 0},
		`{"code":10018100}`:                                             {passport.Expired, passport.OK, 0},
		`{"code":0,"data":{"mid":100200300,"go_url":""}}`:               {passport.Granted, passport.OK, mid},
		`{"code":0,"data":{"token_info":{"mid":100200300}}}`:            {passport.Granted, passport.OK, mid},
		`{"code":0,"data":{"mid":-5,"cookie_info":{"cookies":"none"}}}`: {passport.Granted, passport.OK, 0},
		`{"code":0,"data":null}`:                                        {passport.Granted, passport.OK, 0},
		`{"code":10018199}`:                                             {"", passport.Unknown, 0},
		`{"code":86101}`:                                                {"", passport.Unknown, 0},
		`{"code":-101}`:                                                 {"", passport.Unknown, 0},
		`{"code":-412}`:                                                 {"", passport.Blocked, 0},
		`{"code":0`:                                                     {"", passport.Unreachable, 0},
		`{"data":{}}`:                                                   {"", passport.Unknown, 0},
		`{"code":0,"data":{"cookie_info":{"cookies":[1,null,{},[],"x"]}}}`: {passport.Granted, passport.OK, 0},
	} {
		c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body)})
		scan, err := intl(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k")})
		if scan.State != want.state || passport.ClassOf(err) != want.class || scan.Grant.Mid() != want.mid {
			t.Errorf("%s: %q, %v, mid %d", body, scan.State, err, scan.Grant.Mid())
		}
	}
}

// Cookies of a body are judged like those of a header.
func TestIntlBodyCookies(t *testing.T) {
	const body = `{"code":0,"data":{"token_info":{"mid":100200300},"cookie_info":{"cookies":[
		{"name":"SESSDATA","value":"1a2b3c4d%2C4099999999%2Cexample","http_only":1,"expires":4099999999,"secure":0},
		{"name":"bili_jct","value":"ff","http_only":false,"expires":"4099999999","secure":true},
		{"name":"gone","value":"x","expires":1},{"name":"bili_ticket","value":"x"},{"name":"a b","value":"x"},
		{"name":"bad","value":"a;b"},{"name":"bad","value":"a\r\nb"},{"name":"empty","value":""},{"name":"session","value":"s","expires":0}]}}}`
	c := client(t, passport.Options{
		Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body),
		Intl: passport.IntlOptions{Platform: "tv"},
	})
	scan, err := intl(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k")})
	if err != nil {
		t.Fatal(err)
	}
	got := scan.Grant.Cookies
	if len(got) != 3 || got[0].Name != "SESSDATA" || got[1].Name != "bili_jct" || got[2].Name != "session" {
		t.Fatalf("%+v", got)
	}
	if !got[0].HTTPOnly || got[0].Secure || got[1].HTTPOnly || !got[1].Secure || got[0].Expires.Unix() != 4099999999 || !got[2].Expires.IsZero() {
		t.Errorf("%+v", got)
	}
	// The number is in the body alone; the session is complete as it is.
	if whole, err := intl(c).Collect(t.Context(), device(), scan.Grant); err != nil || whole.Mid() != mid {
		t.Errorf("mid %d, %v", whole.Mid(), err)
	}
}

func TestIntlCodes(t *testing.T) {
	for content, key := range map[string]string{
		"https://www.bilibili.tv/h5/en/qrcode/login?ticket=0123456789abcdef0123456789abcdef": "0123456789abcdef0123456789abcdef",
		"https://www.biliintl.com/h5/en/qrcode/login?ticket=" + strings.Repeat("a", 900):     strings.Repeat("a", 900),
		"https://www.biliintl.com/h5/qrcode/login?x=1&ticket=a%2Bb%2Fc%3D%3D&y=2#z":          "a+b/c==",
		"https://www.bilibili.tv/h5/en/qrcode/login?ticket=":                                 "",
		"https://www.bilibili.tv/h5/en/qrcode/login":                                         "",
		"javascript:alert(1)?ticket=a":                                                       "",
		"https://www.bilibili.tv/h5/en/qrcode/login?ticket=a b":                              "",
		"": "",
	} {
		var asked *http.Request
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r
			return says(200, "application/json", `{"code":0,"data":{"qr_url":"`+content+`","qr_type":"qrcode_login"}}`)(r)
		})
		c := client(t, passport.Options{Endpoints: newSite().Endpoints(base), Limiter: generous(), Transport: transport})
		code, err := intl(c).Generate(t.Context(), device(), passport.ProfileHeader)
		if code.Key.Reveal() != key || (err == nil) != (key != "") {
			t.Errorf("%s: key %q, %v", content, code.Key.Reveal(), err)
		}
		if key == "" {
			continue
		}
		if code.URL.Reveal() != content {
			t.Errorf("the content became %q", code.URL.Reveal())
		}
		_, _ = intl(c).Poll(t.Context(), device(), code)
		if got := asked.URL.Query().Get("ticket"); got != key {
			t.Errorf("%s: polled with %q", content, got)
		}
	}
}
