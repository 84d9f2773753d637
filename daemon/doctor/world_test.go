package doctor

import (
	"io/fs"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify/channels"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
)

var now = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := now.Add(d)
	return &t
}

func word(s string) *string { return &s }

func number(n int64) *int64 { return &n }

const stateDir = "/home/example/.local/state/bilikeeper"

// account is one of which there is nothing to say.
func account(name string, mid int64) client.Account {
	return client.Account{
		Name: name, Site: "web", State: client.StateValid, Mid: number(mid), Uname: "example", Refreshable: true, Generation: 3,
		ExpiresAt: at(150 * day), CheckedAt: at(-2 * time.Hour), NextCheckAt: at(6 * time.Hour), RefreshedAt: at(-30 * day),
		LastCheck: word(client.CheckOK),
	}
}

func channel(name, kind string) client.Channel {
	return client.Channel{Name: name, Type: kind, Events: config.DefaultEvents(), Accounts: []string{"*"}, LastDelivered: at(-3 * day)}
}

func outputState(name string) client.Output {
	return client.Output{Name: name, Account: "main", Format: "netscape", Kind: "file", Place: "/srv/media/" + name + ".txt", State: "ok", LastWritten: at(-2 * time.Hour)}
}

func running() *Service {
	return &Service{Installed: true, Running: true, Active: "active", Enabled: "enabled", Result: "success", Unit: "/home/example/.config/systemd/user/bilikeeper.service"}
}

// checks are what there is to know of the configuration's parts outside the daemon.
func checks() config.Checks {
	return config.Checks{
		Channels: channels.Kinds(),
		Schedule: func(string, time.Duration) (time.Duration, *setting.Fault) { return 8 * time.Hour, nil },
	}
}

// healthy is a user's own keeper with all that belongs to it.
func healthy() Facts {
	c := config.Default()
	c.Notify = []config.Notify{
		{Name: "phone", Type: "webhook", Keys: &webhook.Keys{SecretFile: "/home/example/hook.secret"}, Events: config.DefaultEvents(), Accounts: []string{"*"}},
	}
	c.Output = []config.Output{{Name: "media", Account: "main", Format: "netscape", Path: "/srv/media/media.txt", Mode: "0600"}}
	c.Page = config.Page{Listen: "127.0.0.1:7331", PublicURL: "https://keeper.example.net"}
	c.Control.Allow = []config.Allow{{User: "recorder", Accounts: []string{"main"}, May: []string{"get"}}}
	lingers := true
	file := func(path string, mode fs.FileMode) File {
		return File{Path: path, Mode: mode, Owner: 1000, Modified: now.Add(-2 * time.Hour)}
	}
	return Facts{
		Now: now, OS: "linux", UID: 1000, User: "example", Version: "1.2.3",
		RuntimeDir: "/run/user/1000", UserRuntimeDir: "/run/user/1000",
		Places: config.Places{
			Config: "/home/example/.config/bilikeeper/config.toml", StateDir: stateDir, Socket: "/run/user/1000/bilikeeper/control.sock",
		},
		Configuration: Configuration{Checks: checks(), Found: true, Value: &c},
		Directories:   map[string]Directory{"/srv/media": {File: file("/srv/media", fs.ModeDir|0o750)}},
		State: State{
			Directory: file(stateDir, fs.ModeDir|0o700), Vault: file(stateDir+"/vault.db", 0o600), Key: file(stateDir+"/vault.key", 0o600),
			FileSystem: FileSystem{"ext", Local}, Free: 70 << 30,
			Holder: &Holder{PID: 4711, Socket: "/run/user/1000/bilikeeper/control.sock"},
		},
		Socket: file("/run/user/1000/bilikeeper/control.sock", fs.ModeSocket|0o660),
		Beside: file("/run/user/1000/bilikeeper", fs.ModeDir|0o750),
		Keeper: Keeper{
			Status: &client.Status{
				Accounts: []client.Account{account("main", 100200300), account("second", 300200100)},
				Daemon: client.Daemon{Version: "1.2.3", PID: 4711, StartedAt: now.Add(-9 * day), Problems: []string{},
					Vault: client.Vault{Path: stateDir + "/vault.db", Schema: 1}},
			},
			Channels: []client.Channel{channel("phone", "webhook")},
			Outputs:  []client.Output{outputState("media")},
		},
		Services: Services{Manager: systemd, System: &Service{}, Own: running(), Lingers: &lingers},
	}
}

// sick is a keeper that has most of what can be wrong with one that answers.
func sick() Facts {
	f := healthy()
	no := false
	c := *f.Configuration.Value
	c.Page = config.Page{Listen: "0.0.0.0:7331"}
	c.Notify = append(c.Notify, config.Notify{Name: "screen", Type: "desktop", Events: []string{"*"}, Accounts: []string{"main"}})
	c.Output = append(c.Output,
		config.Output{Name: "gone", Account: "nobody", Format: "header", Path: "/mnt/gone/cookie", Mode: "0600"},
		config.Output{Name: "closed", Account: "main", Format: "header", Path: "/opt/closed/cookie", Mode: "0600"})
	c.Accounts = []config.Account{{Name: "typo"}}
	f.Configuration.Value = &c
	f.Flags.Socket = "/run/my keeper.sock"
	f.Places.Socket = f.Flags.Socket
	f.Overrides = []Override{{"BILIKEEPER_STATE_DIR", "/home/example/state"}}
	f.Unknown = []string{"user recorder"}
	f.Directories["/mnt/gone"] = Directory{File: File{Path: "/mnt/gone", Err: fs.ErrNotExist}}
	f.Directories["/opt/closed"] = Directory{File: File{Path: "/opt/closed", Mode: fs.ModeDir | 0o755}, Denied: fs.ErrPermission}
	f.State.Directory.Mode = fs.ModeDir | 0o755
	f.State.Key.Owner = 0
	f.State.FileSystem = FileSystem{"NFS", Network}
	f.State.Free = 100 << 20
	f.Socket.Mode = fs.ModeSocket | 0o666
	f.Beside.Mode = fs.ModeDir | 0o777
	f.Keeper.Status.Daemon.Version = "1.0.0"
	f.Keeper.Status.Daemon.Problems = []string{"login page: accept tcp 127.0.0.1:7331: closed"}
	f.Keeper.Status.Accounts = sickAccounts()
	f.Keeper.Channels = sickChannels()
	f.Keeper.Outputs = sickOutputs()
	f.Others = []Other{{"/run/bilikeeper/control.sock", "1.2.3"}}
	f.Services.Own.Enabled, f.Services.Own.Outdated, f.Services.Own.Stale = "disabled", true, true
	f.Services.System = &Service{Installed: true, Active: "failed", Result: "exit-code", Enabled: "enabled"}
	f.Services.Lingers = &no
	return f
}

func sickAccounts() []client.Account {
	dead := account("dead", 1)
	dead.State, dead.LastCheck = client.StateNeedsLogin, word(client.CheckDead)
	dead.Next = &client.Next{Action: "login_code", At: *at(time.Hour)}
	dead.Attention = "the site says that this session belongs to another account; log in again"
	coming := account("coming", 2)
	coming.State = client.StateLoggingIn
	blocked := account("blocked", 3)
	blocked.LastCheck, blocked.Detail, blocked.CheckedAt, blocked.BlockedUntil = word(client.CheckBlocked), "cookie/info: HTTP 412", at(-5*time.Hour), at(25*time.Minute)
	away := account("away", 4)
	away.LastCheck, away.Detail, away.CheckedAt = word(client.CheckUnreachable), "cookie/info: no route to host", at(-3*day)
	away.Site = "intl"
	lost := account("lost", 5)
	lost.LastCheck, lost.CheckedAt, lost.Site = word(client.CheckUnreachable), at(-time.Hour), "intl"
	ending := account("ending", 6)
	ending.Refreshable, ending.ExpiresAt = false, at(3*day)
	unconfirmed := account("unconfirmed", 7)
	unconfirmed.PendingConfirm, unconfirmed.RefreshedAt = true, at(-2*day)
	future := account("future", 8)
	future.CheckedAt = at(2 * time.Hour)
	one, two := account("one", 9), account("two", 9)
	one.SameSession, two.SameSession = []string{"two"}, []string{"one"}
	return []client.Account{
		dead, coming, blocked, away, lost, ending, unconfirmed, future,
		{Name: "new", Site: "web", State: client.StateNew},
		one, two,
	}
}

func sickChannels() []client.Channel {
	phone := channel("phone", "webhook")
	phone.LastFailed, phone.LastError, phone.RetryAt, phone.FailingSince = at(-time.Minute), "HTTP 500", at(4*time.Minute), at(-2*time.Hour)
	phone.Accounts = []string{"dead"}
	mail := channel("mail", "email")
	mail.LastDelivered, mail.Events = nil, []string{client.EventLoginRequired}
	return []client.Channel{phone, mail}
}

func sickOutputs() []client.Output {
	gone, closed, media := outputState("gone"), outputState("closed"), outputState("media")
	gone.State, gone.LastError = "retrying", "file: the directory /mnt/gone does not exist"
	closed.State, closed.LastError, closed.LastFailed, closed.RetryAt = "failed", "file: permission denied", at(-time.Hour), at(time.Hour)
	media.State, media.HookAt, media.HookExit, media.HookError = "hook", at(-time.Hour), 3, "hook: the command ended with 3"
	return []client.Output{media, gone, closed}
}

// silent is a set-up whose keeper does not answer.
func silent(err error) Facts {
	f := healthy()
	f.Keeper = Keeper{Err: err, ChannelsErr: err, OutputsErr: err}
	f.State.Holder = nil
	return f
}

func noKeeper() Facts {
	f := silent(client.ErrNoKeeper)
	f.Socket = File{Path: f.Places.Socket, Err: syscall.ENOENT, Owner: -1}
	f.Services.Own = &Service{}
	return f
}
