package doctor

import "fmt"

func judgeServices(f *Facts, n *notes) {
	const check = "service.installed"
	s := f.Services
	if s.Manager == "" || s.System == nil {
		if f.Container {
			n.ok(check, f.say("service"), f.say("in a container, whose runtime starts the keeper"))
			return
		}
		n.skip(check, f.say("service"), f.say("no service manager was found"), "")
		return
	}
	installed := false
	if s.Own != nil {
		installed = judgeService(f, n, *s.Own, true)
	}
	if s.Own == nil || s.System.Installed {
		installed = judgeService(f, n, *s.System, false) || installed
	}
	switch {
	case installed:
	case f.Container:
		n.ok(check, f.say("service"), f.say("none is installed; in a container its runtime starts the keeper"))
	case s.Own != nil && s.Own.Err != nil, s.Own == nil && s.System.Err != nil: // said already
	default:
		n.warn(check, f.say("service"), f.say("none is installed: unless something else does, nothing starts the keeper after a reboot"),
			f.service("install")+" && "+f.service("start"))
	}
	if s.Own != nil && s.Own.Installed && s.Lingers != nil && !*s.Lingers {
		n.warn("service.linger", f.User, f.say("the user's services end with the last session and start with the first: without lingering the keeper sleeps meanwhile"), "loginctl enable-linger")
	}
}

// judgeService reports whether the service is installed.
func judgeService(f *Facts, n *notes, s Service, own bool) bool {
	name, control, journal, sudo := f.say("system service"), "systemctl", "journalctl", ""
	if f.UID > 0 {
		sudo = "sudo "
	}
	ours := sudo + "bilikeeper service %s"
	if own {
		name, control, journal, sudo = f.say("user's service"), "systemctl --user", "journalctl --user", ""
		ours = "bilikeeper service %s --user"
	}
	if s.Err != nil {
		n.skip("service.installed", name, f.told(s.Err.Error()), "")
		return false
	}
	if !s.Installed {
		return false
	}
	before := len(*n)
	switch {
	case s.Missing != "":
		n.wrong("service.program", name, f.say("its unit starts %s, which is not there any more", s.Missing), fmt.Sprintf(ours, "install"))
	case s.Active == "failed":
		n.wrong("service.running", name, f.say("it failed (%s) and was not started again", s.Result), sudo+journal+" -u bilikeeper -n 50")
	case !s.Running && !f.answered():
		n.wrong("service.running", name, f.say("it is installed and does not run"), fmt.Sprintf(ours, "start"))
	case !s.Running:
		n.warn("service.running", name, f.say("it is installed and does not run, and a keeper that was started otherwise answers"), fmt.Sprintf(ours, "status"))
	}
	if s.Enabled == "disabled" {
		n.warn("service.enabled", name, f.say("it is not started with the system"), sudo+control+" enable bilikeeper")
	}
	if s.Stale {
		n.warn("service.unit", name, f.say("its unit changed after the service manager had read it"), sudo+control+" daemon-reload")
	}
	if s.Outdated {
		n.warn("service.unit", name, f.say("%s is not what this version installs", s.Unit), fmt.Sprintf(ours, "install")+" && "+fmt.Sprintf(ours, "restart"))
	}
	if len(*n) == before {
		text := f.say("installed and running")
		if s.Enabled != "" {
			text += ", " + s.Enabled
		}
		n.ok("service.running", name, text)
	}
	return true
}
