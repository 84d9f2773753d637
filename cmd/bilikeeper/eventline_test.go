package main

import (
	"encoding/json"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

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
		if got := readingLine(client.Event{Type: tc.kind, Data: json.RawMessage(tc.data)}); got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
}
