package input_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	three = "SESSDATA=" + sessdata + "; bili_jct=" + csrf + "; DedeUserID=100200300"
	tab   = "\t"
)

func TestMends(t *testing.T) {
	tests := []struct {
		name, text, want string
		notes            []string
	}{
		{"as it is", three, three, nil},
		{"trailing semicolon and blanks", " \n " + three + " ; \r\n", three, nil},
		{"no blanks", strings.ReplaceAll(three, " ", ""), three, nil},
		{"field name", "Cookie: " + three, three, nil},
		{"field name, small, content on the next line", "cookie:\n" + three, three, nil},
		{"a whole request", "GET / HTTP/1.1\nHost: www.bilibili.com\nCookie: " + three + "\nAccept: */*", three, nil},
		{"a whole reply", "Set-Cookie: SESSDATA=" + sessdata + "; Path=/; Domain=bilibili.com; Expires=Fri, 15 Jan 2027 07:59:59 GMT; HttpOnly; Secure\n" +
			"Set-Cookie: bili_jct=" + csrf + "; Path=/\nSet-Cookie: DedeUserID=100200300; Max-Age=1", three, nil},
		{"shell quotes around all of it", "'" + three + "'", three, nil},
		{"one a line", strings.ReplaceAll(three, "; ", "\r\n"), three, nil},
		{"old line ends", strings.ReplaceAll(three, "; ", "\r"), three, nil},
		{"byte order mark", "\ufeff" + three, three, nil},
		{"plain commas", "SESSDATA=" + decoded, "SESSDATA=" + sessdata, []string{"plain commas"}},
		{"a plain comma elsewhere", "SESSDATA=" + sessdata + "; PVID=1,2", "SESSDATA=" + sessdata, []string{"no cookie can hold"}},
		{"only the commas decoded", "SESSDATA=a,1799999999,b%2Ac", "SESSDATA=a%2C1799999999%2Cb%2Ac", []string{"plain commas"}},
		{"encoded twice", "SESSDATA=" + double, "SESSDATA=" + sessdata, []string{"twice"}},
		{"all of it encoded twice", "SESSDATA=1a%252C1799999999%252Cf00d5%252A81", "SESSDATA=1a%2C1799999999%2Cf00d5%2A81", []string{"twice"}},
		{"small hex stays", "SESSDATA=1a%2c1799999999%2cf*", "SESSDATA=1a%2c1799999999%2cf*", nil},
		{"a star stays in either form", "SESSDATA=1a%2C1799999999%2Cf00d5%2A81", "SESSDATA=1a%2C1799999999%2Cf00d5%2A81", nil},
		{"double quotes", `SESSDATA="` + sessdata + `"; bili_jct="` + csrf + `"`, "SESSDATA=" + sessdata + "; bili_jct=" + csrf, []string{"quotes"}},
		{"double quotes around commas", `SESSDATA="` + decoded + `"`, "SESSDATA=" + sessdata, []string{"quotes", "plain commas"}},
		{"Python's commas", `SESSDATA="` + strings.ReplaceAll(decoded, ",", `\054`) + `"`, "SESSDATA=" + sessdata, []string{"quotes", "plain commas"}},
		{"a value with =", "SESSDATA=" + sessdata + "; x=a==", "SESSDATA=" + sessdata + "; x=a==", nil},
		{"tickets", three + "; bili_ticket=" + ticket + "; bili_ticket_expires=1799999999", three, []string{"bili_ticket was left out"}},
		{"an empty value", three + "; buvid3=", three, nil},
		{"an account's number that is none", "SESSDATA=" + sessdata + "; DedeUserID=x1", "SESSDATA=" + sessdata, []string{"DedeUserID is not"}},
		{"buvid4 as the site's answer has it", "SESSDATA=" + sessdata + "; buvid4=" + buvid4, "SESSDATA=" + sessdata + "; buvid4=" + encoded4, []string{"buvid4"}},
		{"buvid4 as a header has it", "SESSDATA=" + sessdata + "; buvid4=" + encoded4, "SESSDATA=" + sessdata + "; buvid4=" + encoded4, nil},
		{"twice the same", three + "; " + three, three, nil},
		{"twice, another value", "x=1; " + three + "; x=2", "x=2; " + three, []string{"other cookies came more than once"}},
		{"the companion is another name", "DedeUserID__ckMd5=0011223344556677; " + three, "DedeUserID__ckMd5=0011223344556677; " + three, nil},
		{"wrapped", three + "; junk\nmore junk", three, []string{"2 parts without a name"}},
		{"a name that is none", three + "; curl -b x=1", three, []string{"1 cookie was left out"}},
		{"not for a header", three + "; x=a\x01b", three, []string{"1 cookie was left out"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := mustParse(t, input.Auto, tt.text)
			if got := line(l); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if l.Format != "header" {
				t.Errorf("the format is %q", l.Format)
			}
			wantNotes(t, l, tt.notes...)
		})
	}
}

func TestUTF16(t *testing.T) {
	for _, big := range []bool{false, true} {
		var b []byte
		for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(three))...) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		l := mustParse(t, input.Auto, string(b))
		if line(l) != three {
			t.Errorf("got %q", line(l))
		}
		wantNotes(t, l, "UTF-16")
	}
}

func TestFields(t *testing.T) {
	l := mustParse(t, input.Auto, three+"; buvid3="+buvid3+"; buvid4="+encoded4+"; ac_time_value="+token)
	if l.Mid != 100200300 || l.Buvid3.Reveal() != buvid3 || l.Buvid4.Reveal() != buvid4 || l.RefreshToken.Reveal() != token {
		t.Errorf("got %+v", l)
	}
	wantNotes(t, l, "refresh token lay among the cookies")
	if got := line(l); strings.Contains(got, token) || !strings.Contains(got, "buvid4="+encoded4) {
		t.Errorf("the cookies are %q", got)
	}
	c := named(t, l, "SESSDATA")
	if c.Domain != ".bilibili.com" || c.Path != "/" || !c.Secure || !c.HTTPOnly || !c.Expires.IsZero() {
		t.Errorf("SESSDATA became %+v", c)
	}
	if c := named(t, l, "bili_jct"); c.Secure || c.HTTPOnly {
		t.Errorf("bili_jct became %+v", c)
	}
	for _, name := range []string{"ac_time_value", "refresh_token"} {
		l := mustParse(t, "header", three+"; "+name+`="`+token+`"`)
		if l.RefreshToken.Reveal() != token || line(l) != three {
			t.Errorf("%s: the cookies are %q", name, line(l))
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(s, token) || strings.Contains(s, csrf) {
		t.Error("a login prints its secrets")
	}
}

func row(fields ...string) string { return strings.Join(fields, tab) + "\n" }

func TestNetscape(t *testing.T) {
	const magic = "# Netscape HTTP Cookie File\n"
	session := row("#HttpOnly_.bilibili.com", "TRUE", "/", "TRUE", "1799999999", "SESSDATA", sessdata)
	tests := []struct {
		name, text, want string
		notes            []string
	}{
		{"plain", magic + "# a comment\n\n" + session + row(".bilibili.com", "TRUE", "/", "FALSE", "0", "bili_jct", csrf),
			"SESSDATA=" + sessdata + "; bili_jct=" + csrf, nil},
		{"Windows' line ends", strings.ReplaceAll(magic+session, "\n", "\r\n"), "SESSDATA=" + sessdata, nil},
		{"without the first line", session, "SESSDATA=" + sessdata, nil},
		{"other sites", magic + session + row(".example.com", "TRUE", "/", "TRUE", "0", "SESSDATA", "x") +
			row(".notbilibili.com", "TRUE", "/", "TRUE", "0", "a", "x") + row("www.bilibili.com", "FALSE", "/", "FALSE", "0", "b", "y"),
			"SESSDATA=" + sessdata + "; b=y", []string{"2 cookies of other sites"}},
		{"over", magic + session + row(".bilibili.com", "TRUE", "/", "FALSE", "900000000", "a", "x"),
			"SESSDATA=" + sessdata, []string{"1 cookie that had expired was left out"}},
		{"SESSDATA is over", magic + strings.Replace(session, "1799999999\t", "900000000\t", 1),
			"SESSDATA=" + sessdata, []string{"SESSDATA should have ended"}},
		{"longer-lived first", magic + session + strings.NewReplacer("1799999999\t", "1700000000\t", sessdata, older).Replace(session),
			"SESSDATA=" + sessdata, []string{"SESSDATA came more than once"}},
		{"longer-lived last", magic + strings.NewReplacer("1799999999\t", "0\t", sessdata, older).Replace(session) + session,
			"SESSDATA=" + sessdata, []string{"SESSDATA came more than once"}},
		{"a dead one last", magic + strings.Replace(session, "1799999999\t", "0\t", 1) + strings.NewReplacer("1799999999\t", "900000000\t", sessdata, older).Replace(session),
			"SESSDATA=" + sessdata, []string{"SESSDATA came more than once"}},
		{"no value", magic + session + ".bilibili.com\tTRUE\t/\tFALSE\t0\tempty\n.bilibili.com\tTRUE\t/\tFALSE\t0\tempty2\t\n", "SESSDATA=" + sessdata, nil},
		{"a broken line", magic + "hello\n" + session + "two\twords\n", "SESSDATA=" + sessdata, []string{"2 lines that are no cookies were left out, the first is line 2"}},
		{"blanks for tabs", magic + strings.ReplaceAll(session, tab, "    "), "SESSDATA=" + sessdata, []string{"had become spaces"}},
		{"the token", magic + session + row(".bilibili.com", "TRUE", "/", "FALSE", "0", "ac_time_value", token), "SESSDATA=" + sessdata, []string{"refresh token lay"}},
		{"a fraction", magic + strings.Replace(session, "1799999999\t", "1799999999.25\t", 1), "SESSDATA=" + sessdata, nil},
		{"milliseconds", magic + strings.Replace(session, "1799999999\t", "1799999999000\t", 1), "SESSDATA=" + sessdata, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := mustParse(t, input.Auto, tt.text)
			if got := line(l); got != tt.want || l.Format != "netscape" {
				t.Errorf("%s: got %q\nwant %q", l.Format, got, tt.want)
			}
			wantNotes(t, l, tt.notes...)
			c := named(t, l, "SESSDATA")
			if !c.HTTPOnly || !c.Secure || c.Domain != ".bilibili.com" || c.Path != "/" {
				t.Errorf("SESSDATA became %+v", c)
			}
			if u := c.Expires.Unix(); !c.Expires.IsZero() && u != 1799999999 && u != 900000000 {
				t.Errorf("SESSDATA ends at %d", u)
			}
		})
	}
}

func sample() keeper.Credential {
	expires := time.Unix(1799999999, 0).UTC()
	return keeper.Credential{
		Account: "main", Site: "web", Mid: 100200300, Generation: 3, ExpiresAt: expires, RefreshToken: secret.New(token),
		Cookies: []cookie.Cookie{
			{Name: "SESSDATA", Value: secret.New(sessdata), Domain: ".bilibili.com", Path: "/", Expires: expires, HTTPOnly: true, Secure: true, SameSite: "Lax"},
			{Name: "bili_jct", Value: secret.New(csrf), Domain: ".bilibili.com", Path: "/", Expires: expires},
			{Name: "DedeUserID", Value: secret.New("100200300"), Domain: ".bilibili.com", Path: "/", Expires: expires},
			{Name: "buvid4", Value: secret.New(encoded4), Domain: ".bilibili.com", Path: "/"},
		},
	}
}

// What the keeper writes, it reads again, with all that the format holds.
func TestRoundTrip(t *testing.T) {
	for _, format := range output.Formats() {
		if slices.Contains([]string{"template", "rsshub-systemd", "rsshub-shell", "yutto", "blrec", "bililive-go", "bililive-recorder"}, format) {
			continue // read by marks that other settings have too
		}
		for _, withToken := range []bool{false, true} {
			r, err := output.Render(format, sample(), output.Options{WithRefreshToken: withToken})
			if errors.Is(err, output.ErrNoRefreshToken) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, given := range []string{format, input.Auto} {
				t.Run(fmt.Sprint(format, withToken, given), func(t *testing.T) {
					roundTrip(t, mustParse(t, given, string(r.Body)), format, withToken)
				})
			}
		}
	}
}

// What the keeper writes for one tool is read, too, as what it is.
func TestToolsFilesAreRead(t *testing.T) {
	for _, format := range output.Formats() {
		if format == "template" {
			continue // anything
		}
		r, err := output.Render(format, sample(), output.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, given := range []string{input.Auto, format} {
			l, err := parse(t, given, string(r.Body))
			if err != nil {
				t.Errorf("%s as %s: %v", format, given, err)
				continue
			}
			if got := named(t, l, "SESSDATA").Value.Reveal(); got != sessdata {
				t.Errorf("%s as %s: SESSDATA became another one", format, given)
			}
		}
	}
}

func roundTrip(t *testing.T, l input.Login, format string, withToken bool) {
	if l.Format != format || l.Mid != 100200300 || withToken != (l.RefreshToken.Reveal() == token) {
		t.Errorf("got %+v", l)
	}
	own := slices.Contains([]string{"json", "netscape", "header", "env"}, format)
	for _, want := range sample().Cookies {
		if !own && want.Name == "buvid4" {
			continue // a tool's form leaves out what the tool does not want
		}
		got, want := named(t, l, want.Name), cookie.Cookie(want)
		switch format {
		case "json":
			wantNotes(t, l)
		case "netscape":
			// Written without the HttpOnly mark, which some readers take for a
			// comment, and with an end for every cookie.
			want.SameSite, want.HTTPOnly, want.Expires = "", false, sample().ExpiresAt
		case "header", "env":
			want.Expires, want.SameSite = time.Time{}, ""
		default: // nor does it need all attributes
			want = got
			want.Value = value(want.Name)
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", want.Name, got, want)
		}
	}
}

// value is the value of a cookie of the sample.
func value(name string) secret.String {
	for _, c := range sample().Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return secret.String{}
}

// Every format that is offered is one that a test reads.
func TestFormatsAreAllRead(t *testing.T) {
	read := append([]string{"header", "netscape", "json", "env"}, output.Formats()...)
	for _, tt := range toolFiles() {
		read = append(read, tt.format)
	}
	for _, f := range input.Formats() {
		if !slices.Contains(read, f) {
			t.Errorf("no test reads %s", f)
		}
	}
}

// TestLimits: a browser would not have them either, and a login does not need them.
func TestLimits(t *testing.T) {
	many := "SESSDATA=" + sessdata
	for i := range 70 {
		many += "; c" + strconv.Itoa(i) + "=1"
	}
	many += "; bili_jct=" + csrf + "; long=" + strings.Repeat("x", 5000)
	l := mustParse(t, input.Auto, many)
	if len(l.Cookies) != 65 || !strings.Contains(line(l), "bili_jct=") {
		t.Errorf("%d cookies", len(l.Cookies))
	}
	said := strings.Join(l.Notes, "\n")
	if !strings.Contains(said, "7 cookies beyond the first 64 were left out") || !strings.Contains(said, "1 cookie longer than 4 KiB was left out") {
		t.Error(said)
	}
}
