package output_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// account has all that the site sets.
func account() keeper.Credential {
	expires := time.Unix(1799999999, 0)
	of := func(name, value string) cookie.Cookie {
		return cookie.Cookie{Name: name, Value: secret.New(value), Domain: ".bilibili.com", Path: "/", Expires: expires}
	}
	c := sample()
	c.IssuedAt = time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
	c.Cookies = []cookie.Cookie{
		of("SESSDATA", sessdata), of("bili_jct", "00000000000000000000000000000001"), of("DedeUserID", "100200300"),
		of("DedeUserID__ckMd5", "0011223344556677"), of("sid", "exampl1d"),
		{Name: "buvid3", Value: secret.New("0A1B2C3D-0000-1111-2222-333344445555012345infoc")},
		{Name: "buvid4", Value: secret.New("9F8E7D6C-0000-1111-2222-333344445555-026112001-example%3D%3D")},
	}
	c.Cookies[0].HTTPOnly, c.Cookies[0].Secure, c.Cookies[0].SameSite = true, true, "None"
	return c
}

const sampleTemplate = `# {{.account}}, generation {{.generation}}
{{range .cookies}}{{.name}}: {{json .value}}, until {{unix .expires}}
{{end}}{{header}}
uid {{uid}}, {{cookie "bili_jct" | shell}}, {{decode (cookie "buvid4")}}, {{base64 .uname}}, {{urlquery .user_agent}}
{{with index . "refresh_token"}}{{.}}
{{end}}`

// Each format's bytes are frozen: tools compare them, and the keeper does.
func TestGolden(t *testing.T) {
	for _, format := range output.Formats() {
		info, _ := output.Describe(format)
		for _, withToken := range []bool{false, true} {
			if withToken && !info.RefreshToken {
				continue
			}
			o := output.Options{WithRefreshToken: withToken}
			if format == "template" {
				o.Template = sampleTemplate
			}
			name := format
			if withToken {
				name += "+token"
			}
			t.Run(name, func(t *testing.T) {
				r, err := output.Render(format, account(), o)
				if err != nil {
					t.Fatal(err)
				}
				golden.Equal(t, name+".golden", r.Body)
			})
		}
	}
}

const (
	csrf   = "00000000000000000000000000000001"
	buvid3 = "0A1B2C3D-0000-1111-2222-333344445555012345infoc"
	buvid4 = "9F8E7D6C-0000-1111-2222-333344445555-026112001-example%3D%3D"
)

type (
	object = map[string]any
	list   = []any
)

// What each tool's reader needs to find, written down by hand from the tools'
// own files.
func TestShapes(t *testing.T) {
	line := "SESSDATA=" + sessdata + "; bili_jct=" + csrf + "; DedeUserID=100200300; DedeUserID__ckMd5=0011223344556677; sid=exampl1d; " +
		"buvid3=" + buvid3 + "; buvid4=" + buvid4
	tight := strings.ReplaceAll(line, "; ", ";")
	tests := []struct {
		format string
		read   func([]byte, any) error
		want   object
	}{
		{"bilibili-api", json.Unmarshal, object{"sessdata": sessdata, "bili_jct": csrf, "buvid3": buvid3, "buvid4": buvid4, "dedeuserid": "100200300", "ac_time_value": ""}},
		{"bili-sync", json.Unmarshal, object{"credential": object{"sessdata": sessdata, "bili_jct": csrf, "buvid3": buvid3, "dedeuserid": "100200300", "ac_time_value": ""}}},
		{"toolpro", json.Unmarshal, object{"BiliBiliCookies": list{tight}}},
		{"bililive-recorder", json.Unmarshal, object{"version": 3.0, "rooms": list{}, "global": object{"Cookie": object{"HasValue": true, "Value": line + ";"}}}},
		{"yutto", toml.Unmarshal, object{"profiles": object{"default": object{"sessdata": sessdata, "bili_jct": csrf, "updated_at": "2026-11-20T01:02:03Z"}}}},
		{"blrec", toml.Unmarshal, object{"header": object{"user_agent": "Mozilla/5.0 (example)", "cookie": line + ";"}}},
	}
	for _, tt := range tests {
		got := object{}
		if err := tt.read(renderAccount(t, tt.format), &got); err != nil {
			t.Errorf("%s: %v", tt.format, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.format, diff)
		}
	}
	texts := map[string]string{
		"header": line + ";", "bbdown": tight + ";Expires=1799999999",
		"rsshub":         "BILIBILI_COOKIE_100200300=" + line + "\n",
		"rsshub-systemd": `BILIBILI_COOKIE_100200300="` + line + "\"\n",
		"rsshub-shell":   "BILIBILI_COOKIE_100200300='" + line + "'\n",
		"bililive-go":    "cookies:\n  live.bilibili.com: \"" + line + "\"\n",
	}
	for format, want := range texts {
		if got := string(renderAccount(t, format)); got != want {
			t.Errorf("%s: got %q\nwant %q", format, got, want)
		}
	}
}

func renderAccount(t *testing.T, format string) []byte {
	t.Helper()
	r, err := output.Render(format, account(), output.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Body
}

// The forms with a list of cookies: the first one, and what is beside the list.
func TestCookieLists(t *testing.T) {
	first := func(v any) object { return v.(list)[0].(object) }
	decode := func(format string) object {
		got := object{}
		if err := json.Unmarshal(renderAccount(t, format), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	biliup := decode("biliup")
	info := biliup["cookie_info"].(object)
	want := object{"name": "SESSDATA", "value": sessdata, "http_only": 1.0, "expires": 1799999999.0, "secure": 1.0}
	if diff := cmp.Diff(want, first(info["cookies"])); diff != "" {
		t.Error(diff)
	}
	if _, made := biliup["token_info"]; made {
		t.Error("biliup was given a token of the app that there is not")
	}
	if platform, there := biliup["platform"]; !there || platform != nil {
		t.Errorf("the platform is %v", platform)
	}
	if diff := cmp.Diff(list{".bilibili.com"}, info["domains"]); diff != "" {
		t.Error(diff)
	}

	state := decode("playwright")
	want = object{"name": "SESSDATA", "value": sessdata, "domain": ".bilibili.com", "path": "/", "expires": 1799999999.0,
		"httpOnly": true, "secure": true, "sameSite": "None"}
	if diff := cmp.Diff(want, first(state["cookies"])); diff != "" {
		t.Error(diff)
	}
	if last := state["cookies"].(list)[6].(object); last["expires"] != -1.0 || last["sameSite"] != "Lax" || len(state["origins"].(list)) != 0 {
		t.Errorf("got %v", last)
	}

	cloud := decode("cookiecloud")
	cookies := cloud["cookie_data"].(object)["bilibili.com"]
	want = object{"name": "SESSDATA", "value": sessdata, "domain": ".bilibili.com", "hostOnly": false, "path": "/",
		"expirationDate": 1799999999.0, "httpOnly": true, "secure": true, "sameSite": "no_restriction", "session": false}
	if diff := cmp.Diff(want, first(cookies)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(object{}, cloud["local_storage_data"]); diff != "" {
		t.Error(diff)
	}
}
