package journal

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // the printers show local times
	os.Exit(m.Run())
}

var fixedNow = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func TestPairs(t *testing.T) {
	for data, want := range map[string]string{
		`{}`:                            "",
		`{"b":1,"a":"x"}`:               "a=x b=1",
		`{"a":"two words","n":null}`:    `a="two words"`,
		`{"empty":"","list":["a"]}`:     `list=["a"]`,
		`not json`:                      "",
		`{"big":123456789012}`:          "big=123456789012",
		`{"quote":"a\"b","on":true}`:    `on=true quote="a\"b"`,
		`{"at":"2026-11-20T01:02:03Z"}`: `at="11-20 01:02:03"`,
	} {
		if got := pairs([]byte(data)); got != want {
			t.Errorf("pairs(%s) = %s, want %s", data, got, want)
		}
	}
}

func TestParseSince(t *testing.T) {
	for s, want := range map[string]time.Time{
		"":                     {},
		"24h":                  fixedNow.Add(-24 * time.Hour),
		"2026-11-19T00:00:00Z": time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(s, fixedNow); err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-1h", "yesterday", "2026-11-19"} {
		if _, err := parseSince(s, fixedNow); err == nil {
			t.Errorf("parseSince(%q) took it", s)
		}
	}
}

func TestReadingLine(t *testing.T) {
	for _, tc := range []struct{ kind, data, want string }{
		{client.EventCredentialRead, `{"user":"recorder","uid":5001,"gid":5002,"pid":77,"program":"/usr/bin/python3","format":"header","generation":3}`,
			"recorder (uid 5001, gid 5002, pid 77, /usr/bin/python3) read generation 3 as header"},
		{client.EventCredentialRead, `{"user":"5001","uid":5001,"gid":5002,"pid":77,"program":"","format":"env","generation":3,"refresh_token":true,"tag":"pool","reads":59}`,
			"5001 (uid 5001, gid 5002, pid 77) read generation 3 as env with the refresh token for the tag pool; 59 times more before"},
		{client.EventCredentialRead, `{"user":"guest","uid":5001,"gid":5002,"pid":77,"program":"(x\u001b[2J)","denied":true,"verb":"get","reads":2}`,
			`guest (uid 5001, gid 5002, pid 77, "(x\x1b[2J)") was refused it: not permitted get; 2 times more before`},
		{client.EventCredentialRead, `{"format":"cookiecloud","generation":3,"remote":"192.0.2.1:5"}`,
			"192.0.2.1:5, over the network, read generation 3 as cookiecloud"},
		{client.EventCredentialRead, `{"format":"header"}`, ""},
		{client.EventCheckOK, `{"user":"x"}`, ""},
	} {
		if got := readingLine(cli.English, client.Event{Type: tc.kind, Data: json.RawMessage(tc.data)}); got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
}
