package cookie_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

func list(pairs ...string) []cookie.Cookie {
	var list []cookie.Cookie
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, cookie.Cookie{Name: pairs[i], Value: secret.New(pairs[i+1])})
	}
	return list
}

func TestFind(t *testing.T) {
	jar := list("DedeUserID__ckMd5", "sum", "DedeUserID", "1", "DedeUserID", "2", "empty", "")
	for name, want := range map[string]string{"DedeUserID": "1", "DedeUserID__ckMd5": "sum", "dedeuserid": "", "Dede": "", "empty": ""} {
		c, found := cookie.Find(jar, name)
		if c.Value.Reveal() != want || found != (want != "" || name == "empty") {
			t.Errorf("%s: %q, %v", name, c.Value.Reveal(), found)
		}
		if got := cookie.Value(jar, name).Reveal(); got != want || cookie.Has(jar, name) != (want != "") {
			t.Errorf("%s has the value %q", name, got)
		}
	}
}

func TestSet(t *testing.T) {
	for _, row := range []struct {
		name            string
		jar, more, want []cookie.Cookie
	}{
		{"into nothing", nil, list("a", "1"), list("a", "1")},
		{"at the end", list("a", "1"), list("b", "2"), list("a", "1", "b", "2")},
		{"in its place", list("a", "1", "b", "2"), list("a", "3"), list("a", "3", "b", "2")},
		{"the last one counts", list("a", "1"), list("b", "2", "b", "3", "a", "4"), list("a", "4", "b", "3")},
		{"names are exact", list("a", "1"), list("A", "2", "ab", "3"), list("a", "1", "A", "2", "ab", "3")},
		{"nothing", list("a", "1"), nil, list("a", "1")},
	} {
		before := slices.Clone(row.jar)
		if got := cookie.Set(slices.Grow(row.jar, 8), row.more...); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q", row.name, cookie.Header(got).Reveal())
		}
		if !slices.Equal(row.jar, before) {
			t.Errorf("%s: the list itself was changed", row.name)
		}
	}
}

func TestHeader(t *testing.T) {
	for want, jar := range map[string][]cookie.Cookie{
		"": nil,
		"SESSDATA=1a%2C17%2Cf*8%2A1,x y; bili_jct=ff": list("SESSDATA", "1a%2C17%2Cf*8%2A1,x y", "bili_jct", "ff"),
		"a=1; c=\"2\"; d=\xff":                        list("a", "1", "", "nameless", "b", "", "c", `"2"`, "d", "\xff"),
		"d=4":                                         list("a", "1\r\nX-Evil: 1", "b", "2; c=3", "d", "4", "e\n", "5"),
	} {
		if got := cookie.Header(jar); got.Reveal() != want || want != "" && strings.Contains(fmt.Sprint(got), want) {
			t.Errorf("%q, want %q", got.Reveal(), want)
		}
	}
}

func TestForm(t *testing.T) {
	const sessdata = "1a2b3c4d%2C1799999999%2Cf00d5*81Cj%2Aexample-_.~+/!#$&'()<>@:[]?={}^`|"
	long := strings.Repeat("x", 5000)
	for _, row := range []struct {
		part       string
		check      func(string) error
		good, evil []string
	}{
		{"name", cookie.CheckName,
			[]string{"SESSDATA", "DedeUserID__ckMd5", "bili_jct", "!#$%&'*+-.^`|~"},
			[]string{"", "a=b", "a b", "a;b", "a,b", "a\tb", "a\nb", "\x00", "\x7f", `"a"`, "a\\", "ä", "\xff", "a/b", "a:b", "[a]", "{a}", "(a)", "a?", "<a>", "a@b", long}},
		{"value", cookie.CheckValue,
			[]string{"", sessdata, "1a2b3c4d,1799999999,f00d5"},
			[]string{`"quoted"`, "a b", "a;b", `a\b`, "a\tb", "a\r\nb", "\x00", "a\x7f", "ä", "名", "\xff", long}},
		{"path", cookie.CheckPath,
			[]string{"", "/", "/x/y z", `/"a,b\`},
			[]string{"x", " /", "/;", "/\n", "/\x7f", "/ä", "/" + long}},
		{"domain", cookie.CheckDomain,
			[]string{"", "bilibili.com", ".bilibili.com", "Passport.Bilibili.TV", "xn--fiqs8s", "localhost", "127.0.0.1", strings.Repeat("a.", 126) + "b"},
			[]string{".", "..com", "a..b", "a.", "a b", "a;b", "a/b", "a:80", "-a.b", "a-.b", "a_b", "ä.de", "a\n", long, strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 127)}},
	} {
		for _, text := range row.good {
			if err := row.check(text); err != nil {
				t.Errorf("%s %q: %v", row.part, text, err)
			}
		}
		for _, text := range row.evil {
			err := row.check(text)
			if err == nil {
				t.Errorf("%s %.60q passed", row.part, text)
			} else if !strings.HasPrefix(err.Error(), "the cookie's "+row.part+" ") || len(text) > 3 && strings.Contains(err.Error(), text) {
				t.Errorf("%s %.60q: %v", row.part, text, err)
			}
		}
	}
}

// What the checks let through survives the header.
func TestWhatIsCheckedIsSendable(t *testing.T) {
	for b := range 256 {
		text := string([]byte{'a', byte(b)})
		if cookie.CheckName(text) == nil && !cookie.Sendable(text) || cookie.CheckValue(text) == nil && !cookie.Sendable(text) {
			t.Errorf("%q is in good form and cannot be sent", text)
		}
	}
}
