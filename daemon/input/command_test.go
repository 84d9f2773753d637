package input_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/input"
)

// forCmd quotes a word as Chrome does in a command for Windows' cmd.
func forCmd(word string) string {
	word = strings.ReplaceAll(word, `\`, `\\`)
	word = strings.ReplaceAll(word, `"`, `\"`)
	word = regexp.MustCompile("[^a-zA-Z0-9\\s_\\-:=+~'/.,?;()*`]").ReplaceAllString(word, `^$0`)
	word = regexp.MustCompile(`%([a-zA-Z0-9_])`).ReplaceAllString(word, `%^$1`)
	return `^"` + word + `^"`
}

// TestCopiedForCmd: the carets with which Chrome writes a command for Windows are
// no part of the cookies.
func TestCopiedForCmd(t *testing.T) {
	for _, field := range []string{"-b " + forCmd(three+"; buvid3="+buvid3), "-H " + forCmd("Cookie: "+three+"; buvid3="+buvid3)} {
		text := "curl " + forCmd("https://api.bilibili.com/x/web-interface/nav?a=1&b=%20") + " ^\r\n  -H " + forCmd(`sec-ch-ua: "Chromium";v="150"`) +
			" ^\r\n  " + field + " ^\r\n  -H " + forCmd("referer: https://www.bilibili.com/")
		if !strings.Contains(text, "^%^2C") {
			t.Fatal(text)
		}
		wantWhole(t, mustParse(t, input.Auto, text), "")
	}
}

// TestCopiedForAShell: Firefox puts a word with an odd character into $'…'.
func TestCopiedForAShell(t *testing.T) {
	text := "curl $'https://api.bilibili.com/x' -X POST -H $'Cookie: " + strings.ReplaceAll(three, "*", `\u002a`) + "' --data-raw $'it\\'s'"
	wantWhole(t, mustParse(t, input.Auto, text), "")
}

// TestAnotherSitesRequest: what was copied from another site is not the site's,
// whatever its cookies are called.
func TestAnotherSitesRequest(t *testing.T) {
	for name, text := range map[string]string{
		"curl":            "curl 'https://www.example.com/x' -H 'referer: https://www.bilibili.com/' -b '" + three + "'",
		"curl for cmd":    "curl " + forCmd("https://www.example.com/x") + " ^\n -b " + forCmd(three),
		"a look-alike":    "curl 'https://bilibili.com.example/x' -b '" + three + "'",
		"the other realm": "curl 'https://www.bilibili.tv/x' -b '" + three + "'",
		"fetch":           `fetch("https://www.example.com/x", {"headers": {"cookie": "` + three + `"}, "method": "GET"});`,
		"PowerShell":      "$session.Cookies.Add((New-Object System.Net.Cookie(\"SESSDATA\", \"" + sessdata + "\", \"/\", \".bilibili.com\")))\nInvoke-WebRequest -UseBasicParsing -Uri \"https://www.example.com/x\" -WebSession $session",
		"HAR": `{"log": {"version": "1.2", "entries": [{"request": {"method": "GET", "url": "https://www.example.com/x", "headers": [{"name": "cookie", "value": "` +
			three + `"}], "cookies": []}, "response": {}}]}}`,
	} {
		_, err := parse(t, input.Auto, text)
		if !errors.Is(err, input.ErrNoSession) || !strings.Contains(err.Error(), "another site") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"fetch":      `await fetch("https://api.bilibili.com/x/web-interface/nav", {"headers": {"cookie": "` + three + `"}, "referrer": "https://www.example.com/"});`,
		"wget":       "wget --header='Cookie: " + three + "' https://www.bilibili.com/video/x",
		"no address": "curl -b '" + three + "'",
	} {
		if l := mustParse(t, input.Auto, text); line(l) == "" {
			t.Error(name)
		}
	}
}
