//go:build linux && systemd

package systemdtest_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestFirstMinute goes from a Debian with nothing but the package to a message that
// comes when a login has died, in the fewest commands that it takes a person.
func TestFirstMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyIn(built.deb(t), newDeb)
	w.must("groupadd", "media")
	w.must("useradd", "--create-home", "--groups", "media", "recorder")
	w.must("install", "-d", "-m", "2770", "-g", "media", "/srv/media")
	const cookies = "/srv/media/cookies.txt"

	began, commands := time.Now(), 0
	person := func(args ...string) result {
		t.Helper()
		commands++
		return w.want(0, args...)
	}
	person("apt-get", "install", "--yes", newDeb)
	// Only the simulator has to be named; the site itself is where it always is.
	w.write(configFile, w.pointed(w.read(configFile)), 0o644)
	w.must("systemctl", "restart", unit)
	phone := w.phone()
	r := person("bilikeeper", "setup", "--yes", "--channel", "webhook", "--channel-set", "url="+w.hookURL, "--login", account, "--output", "yt-dlp="+cookies)
	phone.putAway()
	if !strings.Contains(r.stdout, "yt-dlp --cookies "+cookies+" URL") {
		t.Errorf("it does not end with the tool's command: %s", r)
	}
	if n := w.hooks.count("login.code"); n != 1 {
		t.Errorf("%d samples came", n)
	}
	w.wantAccount()
	w.wantCookies(cookies)
	took := time.Since(began)

	w.site.Kill(mid)
	w.want(5, "bilikeeper", "check", account)
	w.until("a code comes", func() bool { return w.hooks.count("login.code") == 2 })
	t.Logf("%d commands, %s until everything was set up, %s until a code came", commands, took.Round(time.Second/10), time.Since(began).Round(time.Second/10))
	if commands > 3 {
		t.Errorf("it took %d commands", commands)
	}
	phone = w.phone()
	w.until("the end of it is told", func() bool { return w.hooks.count("login.succeeded") == 2 })
	phone.putAway()
	w.wantAccount()
	w.until("the file has the new session", func() bool { return w.hasSession(w.read(cookies)) })
	w.wantCookies(cookies)

	if r := w.run("bilikeeper", "doctor"); r.code != 0 {
		t.Errorf("the doctor finds something: %s", r)
	}

	// Whoever runs it again gets nothing twice.
	before := w.read(configFile)
	person("bilikeeper", "setup", "--yes", "--channel", "webhook", "--channel-set", "url="+w.hookURL, "--output", "yt-dlp="+cookies)
	if now := w.read(configFile); now != before {
		t.Errorf("the configuration was\n%s\nand is\n%s", before, now)
	}
}

// pointed is the package's own configuration, with the values of [world.configuration].
func (w world) pointed(text string) string {
	for line := range strings.Lines(w.configuration("")) {
		if key, _, is := strings.Cut(line, " = "); is {
			text = regexp.MustCompile("(?m)^"+key+" = .*\n").ReplaceAllLiteralString(text, line)
		}
	}
	return text
}

// wantCookies wants the file to have the session, and to be read by whom it is for
// and nobody else.
func (w world) wantCookies(path string) {
	w.t.Helper()
	if text := w.must("runuser", "--user", "recorder", "--", "cat", path); !w.hasSession(text) {
		w.t.Errorf("the file has another session: %s", text)
	}
	if r := w.run("runuser", "--user", "nobody", "--", "cat", path); r.code == 0 {
		w.t.Error("everybody can read it")
	}
}

// hasSession reports whether a text has a session that the site accepts.
func (w world) hasSession(text string) bool {
	for _, session := range w.site.Sessions(mid) {
		if strings.Contains(text, session) {
			return true
		}
	}
	return false
}
