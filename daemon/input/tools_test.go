package input_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/input"
)

type toolFile struct {
	name, format, text, want string
	token                    string
	mid                      int64
	notes                    []string
}

const (
	session    = "SESSDATA=" + sessdata
	pair       = session + "; bili_jct=" + csrf
	apiObject  = `{"sessdata":"` + sessdata + `","bili_jct":"` + csrf + `","buvid3":"` + buvid3 + `","dedeuserid":"100200300","ac_time_value":"` + token + `"}`
	apiLine    = pair + "; DedeUserID=100200300; buvid3=" + buvid3
	jsonCookie = `{"name":"SESSDATA","value":"` + sessdata + `","domain":".bilibili.com","path":"/","httpOnly":true,"secure":true,`
)

func toolFiles() []toolFile {
	return []toolFile{
		{"bilibili-api", "bilibili-api", apiObject, apiLine, token, 100200300, nil},
		{"bilibili-api, decoded", "bilibili-api", `{"sessdata":"` + decoded + `","bili_jct":null,"buvid4":"` + buvid4 + `","dedeuserid":100200300,"ac_time_value":""}`,
			session + "; DedeUserID=100200300; buvid4=" + encoded4, "", 100200300, []string{"plain commas", "buvid4"}},
		{"an object of the cookies' names", "bilibili-api", `{"SESSDATA":"` + sessdata + `","bili_jct":"` + csrf + `","DedeUserID":"100200300","DedeUserID__ckMd5":"0011223344556677"}`,
			pair + "; DedeUserID=100200300; DedeUserID__ckMd5=0011223344556677", "", 100200300, nil},
		{"bili-sync", "bili-sync", `{"video_name":"x","credential":` + apiObject + `}`, apiLine, token, 100200300, nil},
		{"biliup", "biliup", `{"cookie_info":{"cookies":[{"name":"SESSDATA","value":"` + sessdata + `","http_only":1,"expires":1799999999,"secure":0},
			{"name":"bili_jct","value":"` + csrf + `","http_only":0,"expires":1799999999,"secure":0}],"domains":[".bilibili.com"]},
			"sso":["https://passport.bilibili.com/api/v2/sso"],
			"token_info":{"access_token":"EXAMPLE","expires_in":15552000,"mid":100200300,"refresh_token":"` + appToken + `"},"platform":"BiliTV"}`,
			pair, "", 100200300, []string{"cannot be refreshed here"}},
		{"bbdown", "bbdown", "DedeUserID=100200300;DedeUserID__ckMd5=0011223344556677;Expires=1799999999;SESSDATA=" + sessdata + ";bili_jct=" + csrf + ";gourl=https%3A%2F%2Fwww.bilibili.com",
			"DedeUserID=100200300; DedeUserID__ckMd5=0011223344556677; " + pair, "", 100200300, nil},
		{"rsshub", "rsshub", "# settings\nBILIBILI_COOKIE_100200300=" + pair + ";\n", pair, "", 100200300, nil},
		{"rsshub, quoted", "rsshub", "PORT=1200\nexport BILIBILI_COOKIE_100200300='" + pair + "'\n", pair, "", 100200300, nil},
		{"env, double quotes", "env", `BILIBILI_COOKIE="buvid3=` + buvid3 + "; " + pair + `"`, "buvid3=" + buvid3 + "; " + pair, "", 0, nil},
		{"toolpro", "toolpro", `{"BiliBiliCookies":["` + pair + `",""]}`, pair, "", 0, nil},
		{"playwright", "playwright", `{"cookies":[` + jsonCookie + `"expires":1799999999.5,"sameSite":"Lax"},{"name":"x","value":"y","domain":"example.com"}],
			"origins":[{"origin":"https://example.com","localStorage":[{"name":"ac_time_value","value":"no"}]},
			{"origin":"https://www.bilibili.com","localStorage":[{"name":"ac_time_value","value":"` + token + `"}]}]}`,
			session, token, 0, []string{"1 cookie of another site"}},
		{"cookiecloud", "cookiecloud", `{"cookie_data":{"example.com":[{"name":"a","value":"b"}],"bilibili.com":[` + jsonCookie + `"expirationDate":1799999999.5,"sameSite":"lax"}],
			"www.bilibili.com":[` + jsonCookie + `"expirationDate":1799999999.5,"sameSite":"lax"}]},
			"local_storage_data":{"www.bilibili.com":{"ac_time_value":"` + token + `","n":{}},"example.com":[]}}`,
			session, token, 0, []string{"1 cookie of another site"}},
		{"an extension's list", "browser", "[" + jsonCookie + `"expirationDate":1799999999.123,"sameSite":"Lax","hostOnly":false,"session":false,"storeId":null,"id":1},
			{"name":"ac_time_value","value":"` + token + `","domain":".bilibili.com"},{}]`, session, token, 0, []string{"refresh token lay"}},
		{"a list of the browser's session", "browser", `[{"name":"SESSDATA","value":"` + sessdata + `","expires":-1,"sameSite":"no_restriction"}]`, session, "", 0, nil},
		{"a recording", "har", `{"log":{"entries":[{"request":{"url":"https://example.com/","headers":[{"name":"cookie","value":"a=b"}]}},
			{"request":{"url":"https://api.bilibili.com/x/web-interface/nav","headers":[{"name":"authorization","value":"c"},{"name":"Cookie","value":"` + pair + `"}],"cookies":[]}}]}}`, pair, "", 0, nil},
		{"rows of the browser's table", "devtools", "SESSDATA\t" + sessdata + "\t.bilibili.com\t/\t2027-04-15T07:59:59.000Z\t52\t✓\t✓\nbili_jct\t" + csrf + "\t.bilibili.com\t/\tSession\t52\nx\ty\texample.com\t/\tSession\n",
			pair, "", 0, []string{"1 cookie of another site"}},
		{"curl, for cmd", "settings", "curl ^\"https://api.bilibili.com/^\" ^\n  -H ^\"accept: */*^\" ^\n  -b ^\"" + strings.ReplaceAll(pair, "%", "^%") + "^\" ^\n  -H ^\"x: y^\"", pair, "", 0, nil},
		{"curl, a header of it", "settings", "curl 'https://api.bilibili.com/' -H 'authorization: Bearer c' -H 'cookie: " + pair + "' --compressed", pair, "", 0, nil},
		{"PowerShell", "settings", "$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n$session.Cookies.Add((New-Object System.Net.Cookie(\"SESSDATA\", \"" + sessdata +
			"\", \"/\", \".bilibili.com\")))\n$session.Cookies.Add((New-Object System.Net.Cookie(\"bili_jct\", \"" + csrf + "\", \"/\", \".bilibili.com\")))\nInvoke-WebRequest -Uri \"https://api.bilibili.com/\" -WebSession $session",
			pair, "", 0, nil},
		{"fetch", "settings", "fetch(\"https://api.bilibili.com/\", {\n  \"headers\": {\n    \"accept\": \"*/*\",\n    \"cookie\": \"" + pair + "\",\n    \"Referer\": \"https://www.bilibili.com/\"\n  },\n  \"body\": null\n});", pair, "", 0, nil},
		{"YAML, bare", "settings", "cookies:\n  live.douyin.com: a=1;b=2\n  live.bilibili.com: " + pair + "\n", pair, "", 0, nil},
		{"another program's environment", "settings", "PORT=1\nRay_BiliBiliCookies__0=" + pair + "\n", pair, "", 0, nil},
		{"WebDriver's list", "browser", "[" + jsonCookie + `"expiry":1799999999,"sameSite":"Lax"}]`, session, "", 0, nil},
	}
}

func TestTools(t *testing.T) {
	for _, tt := range toolFiles() {
		for _, given := range []string{tt.format, input.Auto} {
			t.Run(tt.name+", "+given, func(t *testing.T) {
				l := mustParse(t, given, tt.text)
				if got := line(l); got != tt.want {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
				if l.Format != tt.format || l.RefreshToken.Reveal() != tt.token || l.Mid != tt.mid {
					t.Errorf("format %s, token %t, mid %d", l.Format, !l.RefreshToken.IsZero(), l.Mid)
				}
				wantNotes(t, l, tt.notes...)
				c := named(t, l, "SESSDATA")
				if strings.Contains(tt.text, `"Lax"`) || strings.Contains(tt.text, `"lax"`) {
					if c.SameSite != "Lax" || !c.HTTPOnly || !c.Secure || c.Expires.Unix() != 1799999999 {
						t.Errorf("SESSDATA became %+v", c)
					}
				}
				if c.Domain != ".bilibili.com" || c.Path != "/" {
					t.Errorf("SESSDATA became %+v", c)
				}
			})
		}
	}
}

// The times that writers have for the end of a cookie.
func TestExpiry(t *testing.T) {
	at := time.Unix(1799999999, 0)
	tests := map[string]time.Time{
		`1799999999`: at, `1799999999.9`: at, `"1799999999"`: at, `1.799999999e9`: at, `1799999999000`: at,
		`"2027-01-15T07:59:59Z"`: at, `"2027-01-15T15:59:59+08:00"`: at, `"Fri, 15 Jan 2027 07:59:59 GMT"`: at,
		`0`: {}, `-1`: {}, `null`: {}, `""`: {}, `"Session"`: {}, `"NaN"`: {}, `1e300`: {}, `1e999`: {}, `true`: {}, `[1]`: {}, `{}`: {},
	}
	for text, want := range tests {
		l := mustParse(t, "json", `{"cookies":[{"name":"SESSDATA","value":"`+sessdata+`","expires":`+text+`}]}`)
		if got := named(t, l, "SESSDATA").Expires; !got.Equal(want) {
			t.Errorf("%s became %v", text, got)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, format, text string
		err                error
		line               int
		want               string
	}{
		{"nothing", "auto", " \n", input.ErrUnreadable, 0, "the input is empty"},
		{"a mark alone", "auto", "\ufeff", input.ErrUnreadable, 0, "the input is empty"},
		{"too large", "auto", three + strings.Repeat(" ", 1<<20), input.ErrUnreadable, 0, "larger than 1 MiB"},
		{"no such format", "xml", three, input.ErrUnknownFormat, 0, "there is no format xml, only auto, header"},
		{"a cookie for a format", three, three, input.ErrUnknownFormat, 0, "there is no such format, only"},
		{"prose", "auto", "hello", input.ErrUnknownFormat, 0, "cannot be told; name it: header"},
		{"a value alone", "auto", sessdata, input.ErrUnknownFormat, 0, "cannot be told"},
		{"an object", "auto", `{"a":1}`, input.ErrUnknownFormat, 0, "cannot be told"},
		{"a list alone", "auto", `{"cookies":[]}`, input.ErrNoSession, 0, "json: there is no SESSDATA"},
		{"one of two, both marked", "auto", `{"cookies":[],"cookie_info":{},"origins":[]}`, input.ErrUnknownFormat, 0, "playwright or biliup"},
		{"two in one text", "auto", three + "\n" + row(".bilibili.com", "TRUE", "/", "TRUE", "0", "SESSDATA", "x"), input.ErrUnknownFormat, 0, "header or netscape"},
		{"header without", "auto", "DedeUserID=100200300; bili_jct=" + csrf, input.ErrNoSession, 0, "header: there is no SESSDATA"},
		{"header, empty", "auto", "SESSDATA=; bili_jct=" + csrf, input.ErrNoSession, 0, "no SESSDATA"},
		{"only the look of it", "header", "SESSDATA2=" + sessdata, input.ErrNoSession, 0, "no SESSDATA"},
		{"broken value", "json", `{"cookies":[{"name":"SESSDATA","value":"a\nb` + sessdata + `"}]}`, input.ErrDamaged, 0, "damaged on its way"},
		{"another site's", "netscape", row(".bilibili.tv", "TRUE", "/", "TRUE", "0", "SESSDATA", sessdata), input.ErrNoSession, 0, "another site"},
		{"the international site's", "json", `{"site":"intl","cookies":[{"name":"SESSDATA","value":"` + sessdata + `"}]}`, input.ErrNoSession, 0, "bilibili.tv"},
		{"the wrong format", "json", three, input.ErrUnreadable, 1, "; it looks like header"},
		{"the wrong format, plain", "header", "# Netscape HTTP Cookie File\n" + row(".bilibili.com", "TRUE", "/", "TRUE", "0", "SESSDATA", sessdata), input.ErrNoSession, 0, "; it looks like netscape"},
		{"broken lines", "netscape", "# Netscape HTTP Cookie File\n\n.bilibili.com\tTRUE\t/\tSESSDATA\t" + sessdata + "\n", input.ErrUnreadable, 3, "netscape: line 3: it has not the seven fields"},
		{"truncated", "auto", "{\n\"cookies\":[\n{\"name\":\"SESSDATA\",\"value\":\"" + sessdata, input.ErrUnreadable, 3, "line 3: the text ends in the middle"},
		{"broken JSON", "json", "\n{\n\"cookies\":[" + sessdata + "]}", input.ErrUnreadable, 3, "json: line 3: the JSON is broken here"},
		{"other JSON", "json", `{"cookies":"` + sessdata + `"}`, input.ErrUnreadable, 0, "not laid out"},
		{"a list of texts", "browser", `["` + sessdata + `"]`, input.ErrUnreadable, 0, "not laid out"},
		{"a number for a list", "biliup", `{"cookie_info":1799999999}`, input.ErrUnreadable, 0, "not laid out"},
		{"without its list", "playwright", `{"origins":[]}`, input.ErrUnreadable, 0, "the JSON has no cookies in it"},
		{"without its object", "bili-sync", `{}`, input.ErrUnreadable, 0, "no credential"},
		{"an empty list", "json", `{"cookies":[]}`, input.ErrNoSession, 0, "no SESSDATA"},
		{"encrypted", "auto", `{"encrypted":"` + token + `"}`, input.ErrUnreadable, 0, "cookiecloud: it is encrypted"},
		{"two accounts", "auto", `{"BiliBiliCookies":["` + three + `","` + three + `"]}`, input.ErrSeveral, 0, "it holds 2 logins"},
		{"two accounts' lines", "auto", "BILIBILI_COOKIE_1=" + three + "\nBILIBILI_COOKIE_2=" + three, input.ErrSeveral, 0, "several accounts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := parse(t, tt.format, tt.text)
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if e, ok := errors.AsType[*input.Error](err); !ok || e.Line != tt.line {
				t.Errorf("got %#v, want line %d", err, tt.line)
			}
			if len(l.Cookies) > 0 || l.Format != "" {
				t.Errorf("an error came with %+v", l)
			}
		})
	}
}

// worst are texts of about a size that are hard on a reader.
func worst(t *testing.T, size int) map[string]string {
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	list, err := json.Marshal(fill(`a=b;`))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"pairs": fill("a=b;"), "lines": fill("a=b\n"), "fields": fill("Cookie: a\n"), "attributes": fill("Expires=1;"),
		"replies": fill("Set-Cookie: a=b; Expires=1\n"), "sessions": fill("SESSDATA=%252Ca;"), "quotes": fill(`a="\054";`),
		"tabs": fill("\t"), "rows": fill(".bilibili.com\tTRUE\t/\tTRUE\t0\ta\tb\n"), "comments": fill("#\n"), "breaks": fill("\r\n"),
		"settings": fill("BILIBILI_COOKIE_1=a=b\n"), "objects": "[" + fill("{},") + "{}]", "depth": fill("["), "names": "{" + fill(`"a":{},`) + `"cookies":[]}`,
		"list": `{"BiliBiliCookies":[` + string(list) + "]}", "cookies": "[" + fill(`{"name":"a","value":"b"},`) + "{}]", "deep": `{"credential":` + fill("["),
		"nested": "[" + strings.Repeat("[", size/30) + strings.Repeat("]", size/30) + "]",
	}
}

// Of whatever is worst for a reader, sixteen times as much takes about sixteen times
// as long, where a quadratic reader would take 256. The small one is the
// measure, so that a slow or busy machine fails nobody.
func TestLargeInputs(t *testing.T) {
	const large = 1 << 18
	small := worst(t, large/16)
	read := func(text string) time.Duration {
		start := time.Now()
		for _, format := range []string{input.Auto, "header", "netscape", "env", "browser"} {
			_, _ = input.Parse(format, []byte(text))
		}
		return time.Since(start)
	}
	for name, text := range worst(t, large) {
		t.Run(name, func(t *testing.T) {
			took, floor := read(text), max(read(small[name]), read(small[name]), read(small[name]))
			if took > time.Second && took > 64*floor {
				t.Errorf("it took %v, and a sixteenth of it %v", took, floor)
			}
		})
	}
}
