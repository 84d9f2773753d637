package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

// The names of checks and the shape of the report are a promise, and the texts
// are what people read: both stand in the golden files.
func TestReports(t *testing.T) {
	for name, f := range map[string]Facts{"healthy": healthy(), "sick": sick(), "silent": noKeeper()} {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(f.Judge()); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, name+".json", out.Bytes())
	}
}

func TestHealthyIsHealthy(t *testing.T) {
	f := healthy()
	r := f.Judge()
	for _, finding := range r.Findings {
		if finding.Level != OK || finding.Mend != "" {
			t.Errorf("%+v", finding)
		}
	}
	if !r.OK {
		t.Error("not ok")
	}
}

// What is not well has a meaning and a mend; what could not be looked at may
// have none.
func TestEveryTroubleHasAMend(t *testing.T) {
	for _, f := range []Facts{sick(), noKeeper()} {
		for _, finding := range f.Judge().Findings {
			if finding.Subject == "" || finding.Detail == "" {
				t.Errorf("%+v", finding)
			}
			if (finding.Level == Warning || finding.Level == Wrong) && finding.Mend == "" {
				t.Errorf("no mend: %+v", finding)
			}
		}
	}
}

// row changes healthy facts and says what comes of it, and of nothing else.
type row struct {
	name   string
	change func(*Facts)
	check  string
	level  Level
	detail string
	mend   string
}

func judge(t *testing.T, rows []row, base func() Facts) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			f := base()
			r.change(&f)
			report := f.Judge()
			i := slices.IndexFunc(report.Findings, func(g Finding) bool { return g.Check == r.check && g.Level == r.level })
			if i < 0 {
				t.Fatalf("no %s of level %s in %+v", r.check, r.level, report.Findings)
			}
			got := report.Findings[i]
			if !strings.Contains(got.Detail, r.detail) || !strings.Contains(got.Mend, r.mend) {
				t.Errorf("got %+v", got)
			}
			if report.OK == (r.level == Wrong) {
				t.Errorf("ok is %v", report.OK)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	judge(t, []row{
		{"none", func(f *Facts) { f.Configuration = Configuration{} }, "configuration.file", OK, "every setting has its default", ""},
		{"named and missing", func(f *Facts) { f.Configuration.Err = fs.ErrNotExist }, "configuration.file", Wrong, "does not exist", "bilikeeper config init --config /home/example"},
		{"closed", func(f *Facts) { f.Configuration.Err = fs.ErrPermission }, "configuration.file", Wrong, "user example may not read it", "sudo bilikeeper doctor"},
		{"unreadable", func(f *Facts) { f.Configuration.Err = errors.New("input/output error") }, "configuration.file", Wrong, "input/output error", "ls -l"},
		{"a slip", func(f *Facts) {
			f.Configuration.Err = &config.Error{File: "c", Problems: []config.Problem{{Line: 7, Column: 1, Key: "check.shedule", What: "is not a known key", Hint: "did you mean schedule?"}}}
		}, "configuration.file", Wrong, "check.shedule: is not a known key", "did you mean schedule?"},
		{"an open secret", func(f *Facts) {
			f.Configuration.Err = &config.Error{Problems: []config.Problem{{Key: "notify[0].secret_file", What: "/etc/my hook is a world-readable secret (mode 0644)", Hint: "run chmod 600 on it"}}}
		}, "configuration.file", Wrong, "world-readable", "chmod 600 '/etc/my hook'"},
		{"no mend of its own", func(f *Facts) {
			f.Configuration.Err = &config.Error{Problems: []config.Problem{{What: "is odd"}}}
		}, "configuration.file", Wrong, "is odd", "bilikeeper config check"},
		{"a credential of the service", func(f *Facts) {
			f.Configuration.Err = &config.Error{Problems: []config.Problem{{Key: "notify[0].secret_file", What: "/run/credentials/bilikeeper.service/hook does not exist", Hint: "make it"}}}
		}, "configuration.secrets", NotChecked, "only the service itself can tell", ""},
		{"environment", func(f *Facts) { f.Overrides = []Override{{"BILIKEEPER_SOCKET", "/s"}} }, "configuration.environment", OK, "BILIKEEPER_SOCKET=/s", ""},
		{"an unknown group", func(f *Facts) { f.Unknown = []string{"group media"} }, "configuration.allow", Wrong, `no group "media"`, "getent group"},
		{"a warning", func(f *Facts) {
			c := *f.Configuration.Value
			c.Check.Jitter = config.Duration(20 * time.Hour)
			f.Configuration.Value = &c
		}, "configuration.warning", Warning, "check.jitter", "config check"},
		{"an unknown account", func(f *Facts) {
			c := *f.Configuration.Value
			c.Notify[0].Accounts = []string{"typo"}
			f.Configuration.Value = &c
		}, "configuration.accounts", Warning, `no account "typo"`, "bilikeeper login typo"},
	}, healthy)
}

func TestKeeper(t *testing.T) {
	fails := func(err error) func(*Facts) {
		return func(f *Facts) { f.Keeper = Keeper{Err: err, ChannelsErr: err, OutputsErr: err} }
	}
	gone := client.ErrNoKeeper
	judge(t, []row{
		{"none", func(f *Facts) { *f = noKeeper() }, "keeper.answers", Wrong, "there is no socket", "bilikeeper service install --user && bilikeeper service start --user"},
		{"none of the service", func(f *Facts) { *f = noKeeper(); f.Services.Own = &Service{Installed: true} }, "keeper.answers", Wrong, "there is no socket", "bilikeeper service start --user"},
		{"none of the machine", func(f *Facts) { *f = noKeeper(); f.Places.System = true; f.Services.Own = nil }, "keeper.answers", Wrong, "no socket", "bilikeeper service install && bilikeeper service start"},
		{"none in a container", func(f *Facts) { *f = noKeeper(); f.Container = true }, "keeper.answers", Wrong, "no socket", "bilikeeper daemon"},
		{"another one", func(f *Facts) { *f = noKeeper(); f.Others = []Other{{"/run/o.sock", "1"}} }, "keeper.answers", Wrong, "one answers on /run/o.sock", ""},
		{"a dead socket", func(f *Facts) { fails(gone)(f); f.State.Holder = nil }, "keeper.answers", Wrong, "left from one that ended", "service start"},
		{"no socket at all", func(f *Facts) { fails(gone)(f); f.State.Holder = nil; f.Socket.Mode = 0o600 }, "keeper.answers", Wrong, "no socket lies where", "mv /run/user/1000/bilikeeper/control.sock"},
		{"elsewhere", func(f *Facts) { fails(gone)(f); f.State.Holder.Socket = "/tmp/x.sock" }, "keeper.answers", Wrong, "process 4711 holds the vault and listens on /tmp/x.sock", "--socket /tmp/x.sock doctor"},
		{"stuck", func(f *Facts) { fails(gone)(f) }, "keeper.answers", Wrong, "although process 4711 holds the vault", "kill 4711"},
		{"too long", func(f *Facts) {
			fails(fmt.Errorf("%w: %w", gone, syscall.EINVAL))(f)
			f.State.Holder, f.Places.Socket = nil, "/"+strings.Repeat("x", 120)
		}, "keeper.answers", Wrong, "too long", "--socket /run/user/1000/bilikeeper.sock"},
		{"hangs", fails(context.DeadlineExceeded), "keeper.answers", Wrong, "has not answered within 5 s", "restart"},
		{"a stranger", fails(client.ErrForeign), "keeper.answers", Wrong, "not a keeper's", "restart"},
		{"closed", fails(client.ErrNoPermission), "keeper.answers", Wrong, "keeps user example from the socket", `[[control.allow]] with user = "example"`},
		{"refused", fails(&client.Problem{Type: client.ProblemNotPermitted, Detail: "not permitted status", Hint: "add a line"}), "keeper.answers", NotChecked, "not permitted status", "add a line"},
		{"another version", func(f *Facts) { f.Version = "1.2.4" }, "keeper.version", Warning, "the keeper is 1.2.3 and this program 1.2.4", "bilikeeper service restart --user"},
		{"another version, by hand", func(f *Facts) { f.Version = "1.2.4"; f.Services.Own.Running = false }, "keeper.version", Warning, "", "kill 4711 && bilikeeper daemon"},
		{"its own problem", func(f *Facts) { f.Keeper.Status.Daemon.Problems = []string{"journal: no space left"} }, "keeper.problem", Wrong, "journal: no space left", "journalctl --user -u bilikeeper"},
		{"two", func(f *Facts) { f.Others = []Other{{"/run/bilikeeper/control.sock", "1"}} }, "keeper.others", Warning, "another keeper", "bilikeeper --socket /run/bilikeeper/control.sock status"},
		{"not reloaded", func(f *Facts) { f.Keeper.Channels = nil }, "keeper.reloaded", Warning, "runs with none where", "kill -HUP 4711"},
		{"a proxy that is off", func(f *Facts) {
			f.Proxies = []Proxy{{Name: "HTTPS_PROXY", Address: "127.0.0.1:7890", Err: errors.New("connection refused"), Keeper: true, Used: true}}
		}, "configuration.proxy", Wrong, "names a proxy on 127.0.0.1:7890, where nothing answers: connection refused", "unset HTTPS_PROXY where the keeper is started"},
		{"a proxy of this shell", func(f *Facts) {
			f.Proxies = []Proxy{{Name: "ALL_PROXY", Address: "127.0.0.1:7890", Err: errors.New("connection refused")}}
		}, "configuration.proxy", Warning, "nothing answers", "unset ALL_PROXY"},
		{"a proxy that the site is not asked through", func(f *Facts) {
			f.Proxies = []Proxy{{Name: "HTTP_PROXY", Address: "127.0.0.1:7890", Err: errors.New("connection refused"), Keeper: true}}
		}, "configuration.proxy", Warning, "requests to the site do not go through it", "unset HTTP_PROXY"},
		{"a proxy", func(f *Facts) { f.Proxies = []Proxy{{Name: "http_proxy", Address: "127.0.0.1:7890"}} }, "configuration.proxy", OK, "answers on 127.0.0.1:7890", ""},
		{"a granted login", func(f *Facts) {
			a := &f.Keeper.Status.Accounts[0]
			a.State, a.Attention, a.Next = client.StateLoggingIn, "a login was granted and is saved", &client.Next{Action: "login_verify", At: f.Now}
		}, "accounts.state", Warning, "granted and is saved", "check main --force"},
		{"an old year", func(f *Facts) { f.Now = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC) }, "keeper.clock", Wrong, "the year 1970", "timedatectl"},
		{"set back", func(f *Facts) { f.Keeper.Channels[0].LastDelivered = at(time.Hour) }, "keeper.clock", Warning, "the last delivery of phone lies 60 min ahead", "timedatectl"},
		{"nothing to compare", func(f *Facts) { *f = noKeeperOK(); f.State.Vault.Modified = time.Time{} }, "keeper.clock", NotChecked, "nothing yet", ""},
	}, healthy)
}

func TestState(t *testing.T) {
	judge(t, []row{
		{"none", func(f *Facts) { *f = noKeeperOK(); f.State.Directory.Err = fs.ErrNotExist }, "vault.directory", OK, "not there yet", ""},
		{"closed to us", func(f *Facts) { f.State.Directory.Err = fs.ErrPermission }, "vault.directory", NotChecked, "cannot look at it", "sudo bilikeeper doctor"},
		{"a file", func(f *Facts) { f.State.Directory.Mode = 0o600 }, "vault.directory", Wrong, "not a directory", "mv "},
		{"open", func(f *Facts) { f.State.Directory.Mode |= 0o050 }, "vault.directory", Wrong, "its mode is 0750", "chmod 700 " + stateDir},
		{"open vault", func(f *Facts) { f.State.Vault.Mode |= 0o004 }, "vault.file", Wrong, "its mode is 0604", "chmod 600 " + stateDir + "/vault.db"},
		{"open key of another", func(f *Facts) { f.State.Key.Mode |= 0o040; f.State.Key.Owner = 0 }, "vault.key", Wrong, "its mode is 0640", "sudo chmod 600"},
		{"root's vault", func(f *Facts) { f.State.Vault.Owner = 0 }, "vault.file", Wrong, "belongs to user 0", "sudo chown 1000 " + stateDir + "/vault.db"},
		{"root looks", func(f *Facts) {
			*f = noKeeperOK()
			f.UID, f.State.Vault.Owner = 0, 0
		}, "vault.file", Wrong, "its directory to user 1000", "chown 1000"},
		{"no vault", func(f *Facts) { f.State.Vault.Err = fs.ErrNotExist }, "vault.file", Wrong, "moved away or deleted", "bilikeeper vault restore BACKUP"},
		{"no key", func(f *Facts) { f.State.Key.Err = fs.ErrNotExist }, "vault.key", OK, "opened it all the same", ""},
		{"the key file alone", slotsOf(client.SlotKeyFile), "vault.slots", Warning, "nothing but the key file", "bilikeeper vault slots add recovery"},
		{"no recovery key", slotsOf(client.SlotKeyFile, client.SlotPassphrase), "vault.slots", Warning, "there is no recovery key", "vault slots add recovery"},
		{"a recovery key", slotsOf(client.SlotKeyFile, client.SlotRecovery), "vault.slots", OK, "2 ways", ""},
		{"no key, no keeper", func(f *Facts) { *f = noKeeperOK(); f.State.Key.Err = fs.ErrNotExist }, "vault.key", Wrong, "its key file is not", "vault.key"},
		{"NFS", func(f *Facts) { f.State.FileSystem = FileSystem{"NFS", Network} }, "vault.filesystem", Wrong, "network file system (NFS)", "state_dir = "},
		{"FUSE", func(f *Facts) { f.State.FileSystem = FileSystem{"FUSE", Bridged} }, "vault.filesystem", Warning, "on FUSE", "state_dir = "},
		{"memory", func(f *Facts) { f.State.FileSystem = FileSystem{"tmpfs", Passing} }, "vault.filesystem", Warning, "gone after the next start", "state_dir = "},
		{"a container's own", func(f *Facts) { f.State.FileSystem = FileSystem{"an overlay", Passing}; f.Container = true }, "vault.filesystem", Warning, "", "volume at " + stateDir},
		{"unknown", func(f *Facts) { f.State.FileSystem = FileSystem{"a file system of type 0x1", Unclear} }, "vault.filesystem", NotChecked, "type 0x1", ""},
		{"little room", func(f *Facts) { f.State.Free = 100 << 20 }, "vault.space", Warning, "100 MiB", "df -h"},
		{"no room", func(f *Facts) { f.State.Free = 1 << 10 }, "vault.space", Wrong, "1 KiB", "df -h"},
		{"unknown room", func(f *Facts) { f.State.FreeErr = errors.ErrUnsupported }, "vault.space", NotChecked, "not known", ""},
		{"Windows", func(f *Facts) { f.OS = "windows" }, "vault.key", NotChecked, "modes say nothing", ""},
		{"everybody's socket", func(f *Facts) { f.Socket.Mode |= 0o006 }, "socket.file", Warning, "everybody may connect", "chmod o= /run/user"},
		{"everybody's directory", func(f *Facts) { f.Beside.Mode |= 0o002 }, "socket.directory", Wrong, "everybody may put", "chmod o-w /run/user"},
		{"a shell without a session", func(f *Facts) { *f = noKeeperOK(); f.RuntimeDir = "" }, "socket.place", Warning, "not set in this shell", "export XDG_RUNTIME_DIR=/run/user/1000"},
		{"no sessions here", func(f *Facts) { *f = noKeeperOK(); f.RuntimeDir, f.UserRuntimeDir = "", "" }, "socket.place", OK, "no such directory", ""},
	}, healthy)
}

// noKeeperOK is a keeper that refused to tell, which by itself is not wrong.
func noKeeperOK() Facts {
	return silent(&client.Problem{Type: client.ProblemNotPermitted, Detail: "not permitted", Hint: "ask"})
}

func TestAccounts(t *testing.T) {
	first := func(change func(*client.Account)) func(*Facts) {
		return func(f *Facts) { change(&f.Keeper.Status.Accounts[0]) }
	}
	judge(t, []row{
		{"unknown", func(f *Facts) { *f = noKeeperOK() }, "accounts.state", NotChecked, "the keeper does not tell how they do", ""},
		{"none", func(f *Facts) { f.Keeper.Status.Accounts = nil }, "accounts.state", Warning, "none yet", "bilikeeper login main"},
		{"new", first(func(a *client.Account) { a.State = client.StateNew }), "accounts.state", Warning, "never been logged in", "bilikeeper login main"},
		{"dead", first(func(a *client.Account) { a.State = client.StateNeedsLogin }), "accounts.state", Wrong, "said twice", "bilikeeper login main"},
		{"coming", first(func(a *client.Account) { a.State = client.StateLoggingIn }), "accounts.state", Warning, "waits for somebody to scan", "bilikeeper login main"},
		{"a newer word", first(func(a *client.Account) { a.State = "resting" }), "accounts.state", NotChecked, `"resting"`, ""},
		{"attention", first(func(a *client.Account) { a.Attention = "log in anew" }), "accounts.attention", Warning, "log in anew", "bilikeeper login main"},
		{"doubted", first(func(a *client.Account) { a.LastCheck = word(client.CheckDead) }), "accounts.check", Warning, "denied its session once", "bilikeeper check main"},
		{"never asked", first(func(a *client.Account) { a.CheckedAt, a.LastCheck = nil, nil }), "accounts.check", Warning, "never asked", "bilikeeper check main"},
		{"overdue", first(func(a *client.Account) { a.NextCheckAt = at(-5 * time.Hour) }), "accounts.check", Warning, "due 5 h ago", "restart"},
		{"blocked", first(func(a *client.Account) {
			a.LastCheck, a.Detail, a.BlockedUntil = word(client.CheckBlocked), "HTTP 412", at(time.Hour)
		}), "accounts.check", Warning, "blocks the question (HTTP 412), the last answer came 2 h ago; it is left alone, and asked again in 60 min", "--force # once, now; otherwise wait"},
		{"blocked for long", first(func(a *client.Account) { a.LastCheck, a.CheckedAt = word(client.CheckBlocked), at(-2*day) }), "accounts.check", Wrong, "2 days ago", "--force"},
		{"ending", first(func(a *client.Account) { a.Refreshable, a.ExpiresAt = false, at(3*day) }), "accounts.end", Warning, "ends in 3 days and cannot be refreshed", "bilikeeper login main"},
		{"not refreshed", first(func(a *client.Account) { a.ExpiresAt = at(3 * day) }), "accounts.end", Warning, "should have been refreshed", "bilikeeper refresh main"},
		{"ended", first(func(a *client.Account) { a.ExpiresAt = at(-day) }), "accounts.end", Wrong, "24 h ago", "bilikeeper login main"},
		{"unconfirmed", first(func(a *client.Account) { a.PendingConfirm, a.RefreshedAt = true, at(-2*day) }), "accounts.confirm", Warning, "2 days ago", "bilikeeper refresh main"},
		{"twins", first(func(a *client.Account) { a.Mid = number(300200100) }), "accounts.same", Warning, "mid 300200100", "bilikeeper forget second"},
		{"one session", func(f *Facts) {
			f.Keeper.Status.Accounts[0].SameSession, f.Keeper.Status.Accounts[1].SameSession = []string{"second"}, []string{"main"}
		}, "accounts.same", Wrong, "one and the same session", "bilikeeper login second"},
		{"the site", func(f *Facts) {
			for i := range f.Keeper.Status.Accounts {
				f.Keeper.Status.Accounts[i].LastCheck = word(client.CheckUnreachable)
			}
		}, "accounts.site", Warning, "none of its 2 accounts", "wait, nothing is lost"},
	}, healthy)
	f := healthy()
	f.Keeper.Status.Accounts[0].RefreshedAt = at(-time.Hour)
	f.Keeper.Status.Accounts[0].PendingConfirm = true
	if r := f.Judge(); r.Count(Warning) != 0 {
		t.Errorf("an ordinary confirmation is told: %+v", r)
	}
}

func TestChannels(t *testing.T) {
	first := func(change func(*client.Channel)) func(*Facts) {
		return func(f *Facts) { change(&f.Keeper.Channels[0]) }
	}
	page := func(listen, public string) func(*Facts) {
		return func(f *Facts) {
			c := *f.Configuration.Value
			c.Page = config.Page{Listen: listen, PublicURL: public}
			f.Configuration.Value = &c
		}
	}
	judge(t, []row{
		{"none", func(f *Facts) { f.Keeper.Channels = nil }, "notifications.reach", Warning, "none is configured", "[[notify]]"},
		{"unknown", func(f *Facts) { f.Keeper.ChannelsErr = client.ErrBroken }, "notifications.channel", NotChecked, "does not tell which", ""},
		{"nobody sees a code", first(func(c *client.Channel) { c.Events = []string{client.EventLoginRequired} }), "notifications.reach", Warning, "no channel takes login.code of account main, second", `"login.code"`},
		{"of one account", first(func(c *client.Channel) { c.Accounts = []string{"second"} }), "notifications.reach", Warning, "account main: nobody would see the code", ""},
		{"no automatic login", func(f *Facts) {
			f.Configuration.Value.Login.Auto = false
			f.Keeper.Channels[0].Events = []string{client.EventLoginCode}
		}, "notifications.reach", Warning, "no channel takes login.required", ""},
		{"failing", first(func(c *client.Channel) {
			c.FailingSince, c.LastError, c.RetryAt = at(-2*time.Hour), "HTTP 500", at(time.Minute)
		}), "notifications.channel", Wrong, "failing for 2 h, delivered last 3 days ago: HTTP 500; next try in 60 s", "bilikeeper notify test phone"},
		{"failed last", first(func(c *client.Channel) { c.LastFailed = at(-time.Hour) }), "notifications.channel", Wrong, "it failed 60 min ago", "notify test phone"},
		{"never delivered", first(func(c *client.Channel) { c.LastDelivered, c.LastFailed = nil, at(-time.Hour) }), "notifications.channel", Wrong, "and never delivered", "notify test phone"},
		{"another takes over", first(func(c *client.Channel) { c.FailingSince, c.Fallback = at(-time.Hour), "mail" }), "notifications.channel", Warning, "mail takes over", ""},
		{"recovered", first(func(c *client.Channel) { c.LastFailed = at(-9 * day) }), "notifications.channel", OK, "delivered 3 days ago", ""},
		{"never used", first(func(c *client.Channel) { c.LastDelivered = nil }), "notifications.channel", Warning, "no message has gone out", "notify test phone"},
		{"another's keeper", func(f *Facts) { *f = noKeeperOK() }, "notifications.channel", NotChecked, "does not tell which", ""},
		{"a service's desktop", func(f *Facts) { f.Places.System = true; f.Keeper.Channels[0].Type = "desktop" }, "notifications.desktop", Warning, "desktop session", "bilikeeper agent install"},
		{"no desktop here", func(f *Facts) { f.OS = "darwin"; f.Keeper.Channels[0].Type = "desktop" }, "notifications.desktop", Wrong, "D-Bus", "another type"},
		{"a page without links", page("127.0.0.1:1", ""), "notifications.page", Warning, "no message carries a link", "public_url = "},
		{"a page in the clear", page("127.0.0.1:1", "http://keeper.example.net"), "notifications.page", Warning, "in the clear", "https://"},
		{"a page for all", page(":7331", "https://keeper.example.net"), "notifications.page", Warning, "without the TLS", `listen = "127.0.0.1:7331"`},
		{"a page for all v6", page("[::]:7331", "https://keeper.example.net"), "notifications.page", Warning, "without the TLS", ""},
		{"a page for this machine", page("[::1]:7331", "http://localhost:7331"), "notifications.page", OK, "", ""},
	}, healthy)
}

func TestOutputs(t *testing.T) {
	first := func(change func(*client.Output)) func(*Facts) {
		return func(f *Facts) { change(&f.Keeper.Outputs[0]) }
	}
	dir := func(d Directory) func(*Facts) {
		return func(f *Facts) { d.Path = "/srv/media"; f.Directories["/srv/media"] = d }
	}
	judge(t, []row{
		{"unknown", func(f *Facts) {
			f.Keeper.OutputsErr = &client.Problem{Type: client.ProblemNotPermitted, Detail: "not for you"}
		}, "outputs.output", NotChecked, "not for you", ""},
		{"another's keeper", func(f *Facts) { *f = noKeeperOK() }, "outputs.output", NotChecked, "does not tell how it does", ""},
		{"failed", first(func(o *client.Output) { o.State, o.LastFailed, o.LastError = "failed", at(-time.Hour), "HTTP 500" }), "outputs.output", Wrong, "failed 60 min ago: HTTP 500", "bilikeeper output run media"},
		{"retrying", first(func(o *client.Output) { o.State, o.RetryAt = "retrying", at(time.Hour) }), "outputs.output", Wrong, "next try in 60 min", "output run media"},
		{"waiting", first(func(o *client.Output) { o.State = "waiting" }), "outputs.output", Warning, "account main", "bilikeeper login main"},
		{"pending", first(func(o *client.Output) { o.State = "pending" }), "outputs.output", OK, "looked at", ""},
		{"command", first(func(o *client.Output) { o.HookAt, o.HookExit = at(-time.Hour), 3 }), "outputs.command", Wrong, "exit code 3", "output run media"},
		{"command's state", first(func(o *client.Output) { o.State = "hook" }), "outputs.command", Wrong, "failed", "output run media"},
		{"the unit's read-only system", func(f *Facts) {
			f.Places.System, f.Services.Own, f.Services.System = true, nil, running()
			o := &f.Keeper.Outputs[0]
			o.State, o.LastError = "failed", "file: open /srv/media/x: read-only file system"
		}, "outputs.output", Wrong, "read-only", "ReadWritePaths=/srv/media"},
		{"no directory", dir(Directory{File: File{Err: fs.ErrNotExist}}), "outputs.directory", Wrong, "does not exist", "mkdir -p /srv/media"},
		{"no look", dir(Directory{File: File{Err: fs.ErrPermission}}), "outputs.directory", NotChecked, "cannot look", ""},
		{"a file", dir(Directory{File: File{Mode: 0o600}}), "outputs.directory", Wrong, "not a directory", "correct path"},
		{"closed", dir(Directory{File: File{Mode: fs.ModeDir | 0o755}, Denied: fs.ErrPermission}), "outputs.directory", Wrong, "may not write", "sudo chgrp example /srv/media && sudo chmod g+w /srv/media"},
		{"read-only", dir(Directory{File: File{Mode: fs.ModeDir | 0o755}, Denied: syscall.EROFS}), "outputs.directory", Wrong, "read-only", "df /srv/media"},
		{"the service's own", func(f *Facts) {
			*f = noKeeperOK()
			f.UID, f.Places.System, f.Services.Own, f.Services.System = 0, true, nil, running()
		}, "outputs.directory", NotChecked, "only the service", ""},
	}, healthy)
}

func TestServices(t *testing.T) {
	own := func(change func(*Service)) func(*Facts) {
		return func(f *Facts) { change(f.Services.Own) }
	}
	none := func(f *Facts) { f.Services.Own = &Service{} }
	judge(t, []row{
		{"no manager", func(f *Facts) { f.Services = Services{} }, "service.installed", NotChecked, "no service manager", ""},
		{"a container", func(f *Facts) { f.Services = Services{}; f.Container = true }, "service.installed", OK, "runtime", ""},
		{"none", none, "service.installed", Warning, "none is installed", "bilikeeper service install --user && bilikeeper service start --user"},
		{"none, container", func(f *Facts) { none(f); f.Container = true }, "service.installed", OK, "runtime", ""},
		{"not asked", own(func(s *Service) { *s = Service{Err: errNoSession} }), "service.installed", NotChecked, "XDG_RUNTIME_DIR", ""},
		{"stopped", func(f *Facts) { *f = noKeeperOK(); f.Services.Own.Running = false }, "service.running", Wrong, "does not run", "bilikeeper service start --user"},
		{"by hand", own(func(s *Service) { s.Running = false }), "service.running", Warning, "started otherwise", "status"},
		{"failed", own(func(s *Service) { s.Running, s.Active, s.Result = false, "failed", "exit-code" }), "service.running", Wrong, "exit-code", "journalctl --user -u bilikeeper"},
		{"no program", own(func(s *Service) { s.Missing = "/usr/local/bin/bilikeeper" }), "service.program", Wrong, "not there any more", "bilikeeper service install --user"},
		{"disabled", own(func(s *Service) { s.Enabled = "disabled" }), "service.enabled", Warning, "not started with the system", "systemctl --user enable bilikeeper"},
		{"stale", own(func(s *Service) { s.Stale = true }), "service.unit", Warning, "changed", "systemctl --user daemon-reload"},
		{"old", own(func(s *Service) { s.Outdated = true }), "service.unit", Warning, "not what this version installs", "service install --user"},
		{"no linger", func(f *Facts) { no := false; f.Services.Lingers = &no }, "service.linger", Warning, "last session", "loginctl enable-linger"},
		{"of the machine", func(f *Facts) { f.Services.System = &Service{Installed: true, Active: "failed", Result: "timeout"} }, "service.running", Wrong, "timeout", "sudo journalctl -u bilikeeper"},
	}, healthy)
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "/a/b-c.d": "/a/b-c.d", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "键": "'键'"} {
		if got := shell(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestSpanAndSize(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", -time.Minute: "60 s", 5 * time.Minute: "5 min", 3 * time.Hour: "3 h", 40 * day: "40 days"} {
		if got := new(Facts).span(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
	for n, want := range map[uint64]string{0: "0 KiB", 3 << 20: "3 MiB", 3 << 29: "1.5 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func slotsOf(kinds ...string) func(*Facts) {
	return func(f *Facts) {
		f.Keeper.Vault = &client.VaultInfo{Path: f.State.Vault.Path}
		for _, kind := range kinds {
			f.Keeper.Vault.Slots = append(f.Keeper.Vault.Slots, client.VaultSlot{Kind: kind})
		}
	}
}
