package output_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/output"
)

func TestRedact(t *testing.T) {
	decoded, err := url.PathUnescape(sessdata)
	if err != nil {
		t.Fatal(err)
	}
	c := sample()
	for name, said := range map[string]string{
		"as it is": sessdata, "decoded": decoded, "a piece": "f00d5*81CjExampleOnly", "twice": url.QueryEscape(sessdata),
		"base64": base64.StdEncoding.EncodeToString([]byte(sessdata)), "lower": strings.ToLower(sessdata),
		"the token": token, "csrf": csrf, "in a header": "Cookie: a=b; SESSDATA=" + sessdata + "; x",
	} {
		got := output.Redact(c, "failed with <"+said+"> for 100200300 at 1799999999")
		for _, hidden := range []string{"1a2b3c4d", "f00d5", token, csrf, said} {
			if strings.Contains(got, hidden) && hidden != "a=b" {
				t.Errorf("%s: %s is left in %s", name, hidden, got)
			}
		}
		if !strings.HasPrefix(got, "failed with <") || !strings.HasSuffix(got, "> for 100200300 at 1799999999") {
			t.Errorf("%s: too much went: %s", name, got)
		}
	}
	if got := output.Redact(c, "nothing here"); got != "nothing here" {
		t.Errorf("got %q", got)
	}
}
