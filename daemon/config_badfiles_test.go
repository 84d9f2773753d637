package daemon

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func TestBadFiles(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown keys and wrong types, all at once", `
shedule = "@daily"
[check]
jiter = "1m"
schedule = 5
confirm_after = "1 minute"
[refresh]
jitter = "4m"
[login]
remind = [
  "1h",
  5,
  "3x",
]
quiet_hours = "25:00-3"
auto = "yes"
codes = "3"
[page]
state_dir = "/srv"
`, `
f:2:1: shedule: is not a known key; did you mean schedule in [check]?
f:4:1: check.jiter: is not a known key; did you mean jitter?
f:5:1: check.schedule: must be a text; put it in quotes
f:6:1: check.confirm_after: "1 minute" is not a duration; write "30m", "8h" or "2d"
f:8:1: refresh.jitter: is not a known key; it belongs in [check]
f:12:3: login.remind[1]: must be a text; write "30m", "8h" or "2d"
f:13:3: login.remind[2]: "3x" is not a duration; write "30m", "8h" or "2d"
f:15:1: login.quiet_hours: "25:00-3" is not a time of day; write "23:30-08:00", or "" for none
f:16:1: login.auto: must be true or false; write true or false
f:17:1: login.codes: must be a whole number; write it without quotes
f:19:1: page.state_dir: is not a known key; it belongs at the top, before the first [table]
`},
		{"values, all at once", `
locale = "fr"
state_dir = "~/keeper"
[log]
level = "verbose"
[check]
schedule = "* * * * *"
confirm_after = "1s"
[login]
codes = 11
remind = ["1h", "1m"]
poll = "500ms"
[limits]
min_check_interval = "1m"
requests_per_minute = 0
refreshes_per_hour = 7
concurrency = 65
`, `
f:2:1: locale: "fr" is not known; did you mean "en"?
f:3:1: state_dir: starts with "~", which only a shell understands; write the directory out
f:5:1: log.level: "verbose" is not known; one of: trace, debug, info, warn, error
f:7:1: check.schedule: "* * * * *" is denser than limits.min_check_interval (10m); let more time pass between two checks
f:8:1: check.confirm_after: 1s is too short for the site; at least 10s
f:10:1: login.codes: 11 is out of range; from 1 to 10
f:11:17: login.remind[1]: 1m is too short for the site; at least 10m
f:12:1: login.poll: 500ms is too short for the site; at least 1s
f:14:1: limits.min_check_interval: 1m is too short for the site; at least 10m
f:15:1: limits.requests_per_minute: 0 is out of range; from 1 to 600
f:16:1: limits.refreshes_per_hour: 7 is out of range; from 1 to 6
f:17:1: limits.concurrency: 65 is out of range; from 1 to 64
`},
		{"schedules", `
[check]
schedule = "TZ=UTC"
[[account]]
name = "a"
schedule = "0 0 31 2 *"
[[account]]
name = "b"
schedule = "@every 1ms"
`, `
f:3:1: check.schedule: "TZ=UTC" says nothing but a time zone; write "CRON_TZ=Asia/Shanghai 0 */8 * * *"
f:6:1: account[0].schedule: "0 0 31 2 *" never comes; no month has that day; name one that exists
f:9:1: account[1].schedule: "@every 1ms" is not a whole number of seconds; write "@every 8h"
`},
		{"a store", `
[store]
type = "sqlite"
`, `
f:3:1: store.type: "sqlite" is not known; one of: bolt, etcd
`},
		{"etcd without a member", `
[store]
type = "etcd"
prefix = "bilikeeper/"
host = "a b"
`, `
f:2:2: store.endpoints: names no member of etcd; write ["https://10.0.0.1:2379", …]
f:4:1: store.prefix: "bilikeeper/" is no prefix; write "/bilikeeper"
f:5:1: store.host: "a b" is not a name; use letters, digits, dots, dashes and underscores, at most 64
`},
		{"etcd", `
[store]
type = "etcd"
endpoints = ["https://10.0.0.1:2379", "http://10.0.0.2:2379", "10.0.0.3:2379", "https://u:p@10.0.0.4:2379", "https://10.0.0.5", "https://10.0.0.6:2379/v3"]
cert_file = "/etc/cert.pem"
user = "keeper"
key_file = "~/key"
`, `
f:4:39: store.endpoints[1]: is not reached as the first one is; use https for all, or http for all
f:4:63: store.endpoints[2]: is no address of a member of etcd; write "https://10.0.0.1:2379"
f:4:80: store.endpoints[3]: is no address of a member of etcd; write "https://10.0.0.1:2379"
f:4:109: store.endpoints[4]: is no address of a member of etcd; write "https://10.0.0.1:2379"
f:4:129: store.endpoints[5]: is no address of a member of etcd; write "https://10.0.0.1:2379"
f:6:1: store.user: and password_file belong together; give both or neither
f:7:1: store.key_file: starts with "~", which only a shell understands; write the directory out
`},
		{"metrics", `
[metrics]
listen = "7333"
`, `
f:3:1: metrics.listen: "7333" is no address to listen on; write "127.0.0.1:7333"
`},
		{"proxies of accounts", `
[[account]]
name = "a"
proxy = "canary.example.net:3128"
[[account]]
name = "b"
proxy = "socks5://127.0.0.1:1080"
proxy_file = "proxy"
`, `
f:4:1: account[0].proxy: is no proxy's URL; write "http://host:port" or "socks5://host:port"
f:8:1: account[1].proxy_file: is given beside proxy; remove one of them
`},
		{"heartbeat", `
[heartbeat]
url = "ftp://canary@example.net"
url_file = "~/heartbeat"
every = "0s"
fail_path = "fail"
`, `
f:3:1: heartbeat.url: is no http or https URL; write "https://host/path"
f:4:1: heartbeat.url_file: starts with "~", which only a shell understands; write the directory out
f:4:1: heartbeat.url_file: is given beside url; remove one of them
f:5:1: heartbeat.every: 0s is out of range; from 1s to 1d; 5m is usual
f:6:1: heartbeat.fail_path: is no path; write "/fail"
`},
		{"metrics beside the page", `
[page]
listen = "127.0.0.1:7331"
[metrics]
listen = "127.0.0.1:7331"
`, `
f:5:1: metrics.listen: is another listener's address; give each its own port
`},
		{"channels", `
[[notify]]
type = "webhook"
url = "http://example.net/canary-path?canary-query"
[[notify]]
name = "b"
type = "pushover"
[[notify]]
name = "b"
type = "desktop"
url = "https://canary-user@example.net"
events = ["login.coed"]
accounts = []
[[notify]]
name = "c/d"
type = "webhok"
events = []
[[notify]]
name = "e"
type = "webhook"
url = "https://exa mple.net/canary"
`, `
f:2:3: notify[0].name: is missing; write name = "…"
f:4:1: notify[0].url: goes to another machine in the clear, and a message may bring a login code; use https, or allow_http = true
f:7:1: notify[1].type: "pushover" is no type of its own; use "shoutrrr"
f:9:1: notify[2].name: "b" is taken; give each its own name
f:11:1: notify[2].url: means nothing to a channel of type desktop; remove it
f:12:11: notify[2].events[0]: "login.coed" is not known; did you mean "login.code"?
f:13:1: notify[2].accounts: names no account; write ["*"] for all
f:15:1: notify[3].name: "c/d" is not a name; use letters, digits, dots, dashes and underscores, at most 64
f:16:1: notify[3].type: "webhok" is not known; did you mean "webhook"?
f:17:1: notify[3].events: is empty; leave the key out for the usual ones, or name the channel as another's fallback
f:21:1: notify[4].url: is no http or https URL; write "https://host/path"
`},
		{"what channels lack and what means nothing to them", `
[[notify]]
name = "a"
type = "telegram"
token = "canary"
[[notify]]
name = "b"
type = "telegram"
chat = "someone"
topic = "canary"
url_file = "~/b"
proxy = "ftp://canary@proxy"
user_id = "5"
[[notify]]
name = "c"
type = "wecom"
chat = "@canary"
`, `
f:5:1: notify[0].token: is not a known key; write token_file, which names a file that holds it
f:13:1: notify[1].user_id: must be a whole number; write it without quotes
`},
		{"channels, each with what it wants", `
[[notify]]
name = "telegram"
type = "telegram"
chat = "someone"
topic = "canary"
url_file = "~/b"
proxy = "ftp://canary@proxy"
user_id = 5
[[notify]]
name = "wecom"
type = "wecom"
chat = "@canary"
mention = [""]
[[notify]]
name = "both"
type = "discord"
url = "https://example.net/canary"
url_file = "canary.url"
[[notify]]
name = "ntfy"
type = "ntfy"
topic = "canary topic"
url = "http://example.net"
[[notify]]
name = "qq"
type = "onebot"
user_id = -1
group_id = 5
[[notify]]
name = "qq2"
type = "onebot"
url = "http://127.0.0.1:3000"
[[notify]]
name = "mail"
type = "email"
host = "smtp.example.net:25"
port = 70000
tls = "none"
user = "canary"
from = "canary"
to = ["you@example.net", "canary"]
allow_http = true
[[notify]]
name = "mail2"
type = "email"
tls = "ssl"
[[notify]]
name = "bridge"
type = "shoutrrr"
url = "canary"
proxy = "http://127.0.0.1:8080"
[[notify]]
name = "gotify"
type = "gotify"
secret_file = "x"
[[notify]]
name = "bark"
type = "brak"
`, `
f:2:3: notify[0].token_file: is missing; write token_file = "…"
f:5:1: notify[0].chat: is no chat; write its number in quotes, or "@name"
f:6:1: notify[0].topic: is no topic; write its number in quotes
f:7:1: notify[0].url_file: starts with "~", which only a shell understands; write the directory out
f:8:1: notify[0].proxy: is no proxy's URL; write "http://host:port" or "socks5://host:port"
f:9:1: notify[0].user_id: means nothing to a channel of type telegram; remove it
f:10:3: notify[1].url: is missing; write url_file = "…"
f:13:1: notify[1].chat: means nothing to a channel of type wecom; remove it
f:14:1: notify[1].mention: holds an empty name; write user ids, or ["@all"]
f:19:1: notify[2].url_file: is given beside url; remove one of them
f:23:1: notify[3].topic: is no topic; use letters, digits, dashes and underscores, at most 64
f:24:1: notify[3].url: goes to another machine in the clear, and a message may bring a login code; use https, or allow_http = true
f:25:3: notify[4].url: is missing; write url = "https://…" or url_file = "…"
f:25:3: notify[4]: names no user or group; write a QQ number
f:29:1: notify[4].group_id: is given beside user_id; remove one of them
f:30:3: notify[5].user_id: is missing; write user_id = … or group_id = …
f:37:1: notify[6].host: is no host; write "smtp.example.net"; the port has a key of its own
f:38:1: notify[6].port: 70000 is out of range; from 1 to 65535
f:39:1: notify[6].tls: "none" is for a server on this machine only; write "starttls" or "tls"
f:40:1: notify[6].user: and password_file belong together; give both or neither
f:41:1: notify[6].from: is no mail address; write "keeper@example.net"
f:42:26: notify[6].to[1]: is no mail address; write "you@example.net"
f:43:1: notify[6].allow_http: means nothing to a channel of type email; remove it
f:44:3: notify[7].host: is missing; write host = "…"
f:44:3: notify[7].from: is missing; write from = "…"
f:44:3: notify[7].to: is missing; write to = ["…"]
f:47:1: notify[7].tls: "ssl" is not known; one of: starttls, tls, none
f:51:1: notify[8].url: is no shoutrrr URL; write "service://…"
f:52:1: notify[8].proxy: means nothing to a channel of type shoutrrr; remove it
f:53:3: notify[9].url: is missing; write url = "https://…" or url_file = "…"
f:53:3: notify[9].token_file: is missing; write token_file = "…"
f:56:1: notify[9].secret_file: means nothing to a channel of type gotify; remove it
f:59:1: notify[10].type: "brak" is not known; did you mean "bark"?
`},
		{"outputs", `
[[output]]
name = "o"
account = "main"
format = "netscap"
path = "/srv/c.txt"
mode = "0644"
owner = "a:b:c"
on_change = [""]
[[output]]
name = "p"
account = "*"
format = "json"
mode = "0700"
[[output]]
name = ".."
format = "json"
path = "/srv/d"
mode = "private"
`, `
f:5:1: output[0].format: "netscap" is not known; did you mean "netscape"?
f:7:1: output[0].mode: "0644" lets everybody at a credential; write "0600", or "0640" and an owner with a group
f:8:1: output[0].owner: "a:b:c" is no owner; write "user", "user:group" or ":group"
f:9:1: output[0].on_change: names no program; write ["program", "argument"]
f:10:3: output[1].path: is missing; write path = "/…", url = "https://…" or on_change = ["program"]
f:12:1: output[1].account: "*" is not a name; use letters, digits, dots, dashes and underscores, at most 64
f:14:1: output[1].mode: "0700" makes a credential a program; write "0600"
f:15:3: output[2].account: is missing; write account = "…"
f:16:1: output[2].name: ".." is not a name; use letters, digits, dots, dashes and underscores, at most 64
f:19:1: output[2].mode: "private" is no file mode; write "0600"
`},
		{"control and page", `
[page]
listen = "7331"
public_url = "keeper.example.net"
[[control.allow]]
user = "a"
group = "b"
accounts = ["main"]
may = ["read"]
[[control.allow]]
accounts = ["x y"]
`, `
f:3:1: page.listen: "7331" is no address to listen on; write "127.0.0.1:7331"
f:4:1: page.public_url: is no http or https address; write "https://keeper.example.net"
f:5:11: control.allow[0]: must name one of user and group; write user = "name" or group = "name"
f:9:8: control.allow[0].may[0]: "read" is not known; one of: status, get, login, check, refresh, manage
f:10:11: control.allow[1]: must name one of user and group; write user = "name" or group = "name"
f:10:11: control.allow[1].may: is empty; name some of: status, get, login, check, refresh, manage
f:11:13: control.allow[1].accounts[0]: "x y" is not a name; use letters, digits, dots, dashes and underscores, at most 64
`},
		{"endpoints", `
[endpoints]
passport = "passport.bilibili.com"
api = "https://name:canary@127.0.0.1"
www = "https://127.0.0.1/canary"
passport_game = "http://passport.biligame.com"
api_intl = ""
`, `
f:3:1: endpoints.passport: is no http or https URL; write https://host, or leave the key out for the site's own
f:4:1: endpoints.api: holds a user name; write https://host
f:5:1: endpoints.www: has more than a host; leave out what follows the host
f:6:1: endpoints.passport_game: would reach the site in the clear; write https://
f:7:1: endpoints.api_intl: is no http or https URL; write https://host, or leave the key out for the site's own
`},
		{"tables of the wrong kind", "[notify]\nname = \"a\"\n[[check]]\n[check.jitter]\n[unknown.deep]\nkey = 1\n", `
f:1:2: notify: is a list of tables; write [[notify]]
f:3:3: check: is a single table; write [check]
f:4:8: check.jitter: is no table; write jitter = …
f:5:2: unknown: is not a known key; known here: state_dir, socket, locale, trusted_proxies, log, check, refresh, login, limits, control, page, metrics, heartbeat, serve, backup, store, journal, notify, text, output, account, endpoints
`},
		{"a rate", `
[[notify]]
name = "a"
type = "desktop"
rate = "many"
`, `
f:5:1: notify[0].rate: "many" is not a rate; write "20/1m", or "" for the usual one
`},
		{"fallbacks and texts", `
[[notify]]
name = "a"
type = "desktop"
fallback = "b"
[[notify]]
name = "b"
type = "desktop"
fallback = "a"
[[notify]]
name = "c"
type = "desktop"
fallback = "nobody"
rate = "20/m"
[[text]]
title = "x"
[[text]]
type = "login.scanned"
[[text]]
type = "login.code"
text = "{{.Cookie}}"
[[text]]
type = "login.code"
`, `
f:5:1: notify[0].fallback: leads back to a; name a channel that does not lean on this one
f:9:1: notify[1].fallback: leads back to b; name a channel that does not lean on this one
f:13:1: notify[2].fallback: there is no channel "nobody"; name another [[notify]]
f:15:3: text[0].type: is missing; write type = "login.code", or another type of message
f:18:1: text[1].type: "login.scanned" is not known; did you mean "login.failed"?
f:21:1: text[2].text: is no template: 1:2: executing "text" at <.Cookie>: can't evaluate field Cookie in type catalog.Data; write "{{.Account}}: …"; docs/notifiers.md lists the fields
f:23:1: text[3].type: "login.code" has its own words already; make one entry of both
`},
		{"another case", "[Check]\nschedule = \"@daily\"\n", `
f:1:2: Check: is not a known key; did you mean check?
`},
		{"a value for a table", "check = 5\nnotify = [\"phone\"]\ncontrol = []\n", `
f:1:1: check: is a table, not a value; write [check]
f:2:11: notify[0]: is a table, not a value; write [[notify]]
f:3:1: control: is a table, not a value; write [control]
`},
		{"inline tables", "notify = [{name = \"a\", type = \"desktop\"},\n  {name = \"a\", kind = \"desktop\"}]\n", `
f:2:16: notify[1].kind: is not a known key; known here: name, type, url, url_file, proxy, allow_http, secret_file, token_file, client_token_file, chat, topic, user_id, group_id, mention, commands, host, port, tls, user, password_file, from, to, command, timeout, events, accounts, fallback, rate
`},
		{"a key given twice", "[check]\nschedule = \"@daily\"\nschedule = \"@weekly\"\n", `
f:3:1: check.schedule: is given twice; remove one
`},
		{"a table given twice", "[check]\n[limits]\n[check]\n", `
f:3:2: check: is given twice; remove one
`},
		{"a number that is too large", "[login]\ncodes = 99999999999999999999\n", `
f:2:9: login.codes: decimal number is too large to fit in a 64-bit signed integer
`},
		{"no TOML", "[login]\ncodes = \n", `
f:2:9: is no TOML: unexpected character U+000A at start of value; a value is missing after the =; an empty text is ""
`},
		{"a text without quotes", "[check]\nschedule = @every 8h\n", `
f:2:12: is no TOML: unexpected character U+0040 '@' at start of value; put the text in quotes
`},
		{"quotes of a word processor", "[login]\nquiet_hours = “23:30-08:00”\n", `
f:2:15: is no TOML: unexpected character U+00E2 'â' at start of value; write the quotes plainly: "…"
`},
		{"Python's true", "[login]\nauto = True\n", `
f:2:8: is no TOML: unexpected character U+0054 'T' at start of value; write true, in small letters
`},
		{"a path of Windows", "[page]\npassword_file = \"C:\\Users\\x\"\n", `
f:2:22: is no TOML: invalid hexadecimal digit in unicode escape sequence; write each backslash twice, or put the text in single quotes: 'C:\keeper'
`},
		{"an open text", "[login]\nquiet_hours = \"23:30-08:00\n", `
f:2:27: is no TOML: basic strings cannot have new lines; the quote that ends the text is missing on this line
`},
		{"a colon", "[login]\nauto: true\n", `
f:2:5: is no TOML: expected '=' after key; write key = value
`},
		{"an open list", "[login]\nremind = [\"1h\" \"6h\"]\n", `
f:2:16: is no TOML: expected ',' or ']' after array value; a list ends with ], and a comma stands between its items
`},
		{"an open header", "[login\n", `
f:1:7: is no TOML: expected ']' to close table name; a table's name ends with ], as in [login]
`},
		{"a key that breaks the line", "\"a\\nb\\u001b[0m\" = 1\n", `
f:1:1: "a\nb\x1b[0m": is not a known key; known here: state_dir, socket, locale, trusted_proxies, log, check, refresh, login, limits, control, page, metrics, heartbeat, serve, backup, store, journal, notify, text, output, account, endpoints
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse([]byte(tt.file), "f")
			var bad *config.Error
			if !errors.As(err, &bad) {
				t.Fatalf("error is %v, want an *Error", err)
			}
			if diff := cmp.Diff(strings.TrimSpace(tt.want), err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("a secret is in the error")
			}
			if bad.File != "f" || len(bad.Problems) != strings.Count(strings.TrimSpace(tt.want), "\n")+1 {
				t.Errorf("file %q, %d problems", bad.File, len(bad.Problems))
			}
		})
	}
}
