package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func judgeConfiguration(f *Facts, n *notes) {
	judgeFile(f, n)
	var names []string
	for _, o := range f.Overrides {
		names = append(names, o.Name+"="+o.Value)
	}
	if len(names) > 0 {
		n.ok("configuration.environment", f.say("environment"), f.say("in force: %s; a keeper that a service manager starts does not have them", strings.Join(names, " ")))
	}
	judgeProxies(f, n)
	if c := f.Configuration.Value; c != nil {
		judgeSecrets(f, n, c)
		judgeAllowed(f, n, c)
		judgeWarnings(f, n, c)
		judgeNames(f, n, c)
	}
}

// judgeProxies finds a variable that sends the keeper's requests to nowhere.
func judgeProxies(f *Facts, n *notes) {
	const check = "configuration.proxy"
	for _, p := range f.Proxies {
		detail, mend := f.say("it names a proxy on %s, where nothing answers: %v", p.Address, p.Err), f.say("start that proxy, or: unset %s", p.Name)
		switch {
		case p.Err == nil:
			n.ok(check, p.Name, f.say("something answers on %s", p.Address))
		case !p.Used:
			n.warn(check, p.Name, detail+f.say("; requests to the site do not go through it, others may"), mend)
		case p.Keeper:
			n.wrong(check, p.Name, detail+f.say("; the keeper has it and does not reach the site"), f.say("%s where the keeper is started, and %s", mend, f.restart()))
		default:
			n.warn(check, p.Name, detail+f.say("; a keeper that is started with it does not reach the site"), mend)
		}
	}
}

func judgeFile(f *Facts, n *notes) {
	const check = "configuration.file"
	path, err := f.Places.Config, f.Configuration.Err
	wrong, faulty := errors.AsType[*config.Error](err)
	switch {
	case faulty:
		for _, p := range wrong.Problems {
			judgeProblem(f, n, path, p)
		}
	case errors.Is(err, fs.ErrNotExist):
		n.wrong(check, path, f.say("it was named and does not exist"), shell("bilikeeper", "config", "init", "--config", path))
	case errors.Is(err, fs.ErrPermission):
		n.wrong(check, path, f.say("user %s may not read it, so nothing that it says is checked", f.User), "sudo bilikeeper doctor")
	case err != nil:
		n.wrong(check, path, f.told(err.Error()), shell("ls", "-l", path))
	case !f.Configuration.Found:
		n.ok(check, path, f.say("there is none; every setting has its default"))
	default:
		n.ok(check, path, f.say("valid"))
	}
}

// judgeProblem repeats what the configuration says of itself.
func judgeProblem(f *Facts, n *notes, path string, p config.Problem) {
	subject := path
	if p.Line > 0 {
		subject = fmt.Sprintf("%s:%d", path, p.Line)
	}
	detail, mend := f.told(p.What), f.told(p.Hint)
	if p.Key != "" {
		detail = p.Key + ": " + detail
	}
	if strings.Contains(p.What, "/run/credentials/") {
		n.skip("configuration.secrets", subject, detail+f.say("; only the service itself can tell, systemd hands the file to it alone"), "")
		return
	}
	// The file stands before what is wrong with it.
	if named, _, ok := strings.Cut(p.What, " is "); ok && filepath.IsAbs(named) && strings.HasPrefix(p.Hint, "run chmod 600 on it") {
		mend = shell("chmod", "600", named)
	}
	if mend == "" {
		mend = f.command("config", "check")
	}
	n.wrong("configuration.file", subject, detail, mend)
}

func judgeSecrets(f *Facts, n *notes, c *config.Config) {
	files := len(config.SecretFiles(*c))
	switch {
	case files == 0 || f.Configuration.Err != nil: // the faults were told
	case f.OS == "windows":
		n.skip("configuration.secrets", f.say("secret files"), f.say("modes say nothing on Windows; the access list of their directory decides who reads them"), "")
	default:
		n.ok("configuration.secrets", f.say("secret files"), f.say("%d, closed to other users", files))
	}
}

func judgeAllowed(f *Facts, n *notes, c *config.Config) {
	const check = "configuration.allow"
	for _, who := range f.Unknown {
		kind, name, _ := strings.Cut(who, " ")
		mend := shell("getent", map[string]string{"user": "passwd", "group": "group"}[kind]) + f.say(" # lists what there is")
		n.wrong(check, "[[control.allow]]", f.say("there is no %s %q on this system, so the entry lets nobody in", f.told(kind), name), mend)
	}
	if len(c.Control.Allow) > 0 && len(f.Unknown) == 0 {
		n.ok(check, "[[control.allow]]", f.say("all users and groups exist"))
	}
}

// judgeWarnings repeats what the configuration itself warns of. What the group
// of the login page says better is left to it.
func judgeWarnings(f *Facts, n *notes, c *config.Config) {
	for _, w := range c.Warnings(f.Configuration.Checks) {
		if !strings.HasPrefix(w, "page.public_url is not set") {
			n.warn("configuration.warning", f.Places.Config, f.told(w), f.say("change it there, then: %s", f.command("config", "check")))
		}
	}
}

// judgeNames finds accounts that the configuration names and the keeper does
// not have. Only a peer that sees the whole keeper can tell.
func judgeNames(f *Facts, n *notes, c *config.Config) {
	if !f.answered() || f.Keeper.ChannelsErr != nil {
		return
	}
	told := map[string]bool{"*": true, "": true}
	there := f.names()
	look := func(where, name string) {
		if !told[name] && !slices.Contains(there, name) {
			n.warn("configuration.accounts", where, f.say("there is no account %q (yet)", name), f.command("login", name))
			told[name] = true
		}
	}
	for _, a := range c.Accounts {
		look("[[account]]", a.Name)
	}
	for _, o := range c.Output {
		look(f.say("output %s", o.Name), o.Account)
	}
	for _, c := range c.Notify {
		for _, name := range c.Accounts {
			look(f.say("notify %s", c.Name), name)
		}
	}
	for _, a := range c.Control.Allow {
		for _, name := range a.Accounts {
			look("[[control.allow]]", name)
		}
	}
}
