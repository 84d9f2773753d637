package doctor

import (
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// channels are those that run, or, without a keeper, those that would.
func channelList(f *Facts) (list []client.Channel, known bool) {
	if f.answered() && f.Keeper.ChannelsErr == nil {
		return f.Keeper.Channels, true
	}
	c := f.Configuration.Value
	if !f.absent() || c == nil {
		return nil, false
	}
	for _, e := range c.Notify {
		list = append(list, client.Channel{Name: e.Name, Type: e.Type, Events: e.Events, Accounts: e.Accounts})
	}
	return list, true
}

func judgeChannels(f *Facts, n *notes) {
	channels, known := channelList(f)
	if !known {
		n.skip("notifications.channel", f.say("channels"), f.untold("which there are"), "")
		return
	}
	judgeReach(f, n, channels)
	for _, c := range channels {
		if c.Type == desktopChannel && !judgeDesktop(f, n, c) {
			continue
		}
		judgeChannel(f, n, c)
	}
}

// judgeReach finds accounts whose death nobody would hear of.
func judgeReach(f *Facts, n *notes, channels []client.Channel) {
	const check = "notifications.reach"
	if len(channels) == 0 {
		n.warn(check, f.say("channels"), f.say("none is configured: a login that died is noticed by whoever looks at bilikeeper status"),
			f.say("add a [[notify]] to %s; bilikeeper config init --stdout shows one of each type", f.Places.Config))
		return
	}
	event, lost := client.EventLoginRequired, f.say("nobody would hear that a login died")
	if c := f.Configuration.Value; c == nil || c.Login.Auto {
		event, lost = client.EventLoginCode, f.say("nobody would see the code that the keeper makes")
	}
	var alone []string
	for _, name := range f.names() {
		if !slices.ContainsFunc(channels, func(c client.Channel) bool { return takes(c.Events, event) && takes(c.Accounts, name) }) {
			alone = append(alone, name)
		}
	}
	if len(alone) == 0 {
		n.ok(check, f.say("channels"), f.say("%s reaches somebody for every account", event))
		return
	}
	who := f.say("account %s", strings.Join(alone[:min(len(alone), 5)], ", "))
	if more := len(alone) - 5; more > 0 {
		who += f.say(" and %d more", more)
	}
	if alone[0] == "*" {
		who = f.say("an account")
	}
	n.warn(check, f.say("channels"), f.say("no channel takes %s of %s: %s", event, who, lost),
		f.say("add %q to events, and the account to accounts, of a [[notify]] in %s", event, f.Places.Config))
}

// names are the accounts that are there, "*" where they are not known.
func (f *Facts) names() []string {
	if !f.answered() || len(f.Keeper.Status.Accounts) == 0 {
		return []string{"*"}
	}
	var names []string
	for _, a := range f.Keeper.Status.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// desktopChannel is the type of channel that needs a session of the desktop.
const desktopChannel = "desktop"

func takes(list []string, word string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, word)
}

// judgeDesktop reports whether there is more to say of a desktop channel.
func judgeDesktop(f *Facts, n *notes, c client.Channel) bool {
	const check = "notifications.desktop"
	switch {
	case f.OS == "windows" || f.OS == "darwin":
		n.wrong(check, c.Name, f.say("desktop channels need D-Bus, which this system does not have"), f.say("use another type of channel in its place"))
		return false
	case f.Places.System:
		n.warn(check, c.Name, f.say("a keeper of the whole machine cannot reach anybody's desktop session"),
			"bilikeeper agent install"+f.say(" # as the user of the desktop, whom [[control.allow]] lets in with status and login"))
	}
	return true
}

func judgeChannel(f *Facts, n *notes, c client.Channel) {
	const check = "notifications.channel"
	test := f.command("notify", "test", c.Name)
	switch {
	case !f.answered():
		n.skip(check, c.Name, f.untold("how it does"), "")
	case c.FailingSince != nil:
		failing(f, n, c, f.say("it has been failing for %s", f.span(f.Now.Sub(*c.FailingSince))))
	case c.LastFailed != nil && (c.LastDelivered == nil || c.LastFailed.After(*c.LastDelivered)):
		failing(f, n, c, f.say("it failed %s", f.ago(*c.LastFailed)))
	case c.LastDelivered == nil:
		n.warn(check, c.Name, f.say("no message has gone out over it yet, so whether it works is not known"), test)
	default:
		n.ok(check, c.Name, f.say("delivered %s", f.ago(*c.LastDelivered)))
	}
}

func failing(f *Facts, n *notes, c client.Channel, detail string) {
	switch {
	case c.LastDelivered == nil:
		detail += f.say(" and never delivered")
	default:
		detail += f.say(", delivered last %s", f.ago(*c.LastDelivered))
	}
	if c.LastError != "" {
		detail = f.say("%s: %v", detail, errors.New(c.LastError))
	}
	if c.RetryAt != nil {
		detail += f.say("; next try %s", f.in(*c.RetryAt))
	}
	test := f.command("notify", "test", c.Name)
	if c.Fallback != "" {
		n.warn("notifications.channel", c.Name, detail+f.say("; %s takes over meanwhile", c.Fallback), test)
		return
	}
	n.wrong("notifications.channel", c.Name, detail, test)
}

// judgePage looks at the login page's address, not at the page.
func judgePage(f *Facts, n *notes) {
	const check = "notifications.page"
	c := f.Configuration.Value
	if c == nil || c.Page.Listen == "" {
		return
	}
	public, edit := c.Page.PublicURL, f.say(" # in [page] of %s", f.Places.Config)
	host, _, err := net.SplitHostPort(c.Page.Listen)
	outside := err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback()
	switch {
	case public == "":
		n.warn(check, f.say("login page"), f.say("it is served on %s, and without public_url no message carries a link to it", c.Page.Listen),
			`public_url = "https://keeper.example.net"`+edit)
	case !strings.HasPrefix(public, "https://") && !isLocal(public):
		n.warn(check, f.say("login page"), f.say("its links begin with %s and go over the network in the clear: whoever is on the way can follow a login", public),
			`public_url = "https://keeper.example.net"`+edit+f.say(", and TLS in front of %s", c.Page.Listen))
	case outside:
		n.warn(check, f.say("login page"), f.say("it listens on %s, where others reach it without the TLS that stands in front of it", c.Page.Listen),
			`listen = "127.0.0.1:7331"`+edit)
	default:
		n.ok(check, f.say("login page"), f.say("on %s, as %s", c.Page.Listen, public))
	}
}

func isLocal(address string) bool {
	rest := strings.TrimPrefix(address, "http://")
	host, _, _ := strings.Cut(rest, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

// untold is why something is not known of the keeper.
func (f *Facts) untold(what string) string {
	if f.absent() {
		return f.say("no keeper answers, and only it knows %s", f.told(what))
	}
	return f.say("the keeper does not tell %s", f.told(what))
}

// refused is why the keeper did not tell a part.
func refused(err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Error()
	}
	return err.Error()
}
