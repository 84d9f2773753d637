package doctor

import (
	"errors"
	"fmt"
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
		n.skip("notifications.channel", "channels", f.untold("which there are"), "")
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
		n.warn(check, "channels", "none is configured: a login that died is noticed by whoever looks at bilikeeper status",
			fmt.Sprintf("add a [[notify]] to %s; bilikeeper config init --stdout shows one of each type", f.Places.Config))
		return
	}
	event, lost := client.EventLoginRequired, "nobody would hear that a login died"
	if c := f.Configuration.Value; c == nil || c.Login.Auto {
		event, lost = client.EventLoginCode, "nobody would see the code that the keeper makes"
	}
	var alone []string
	for _, name := range f.names() {
		if !slices.ContainsFunc(channels, func(c client.Channel) bool { return takes(c.Events, event) && takes(c.Accounts, name) }) {
			alone = append(alone, name)
		}
	}
	if len(alone) == 0 {
		n.ok(check, "channels", event+" reaches somebody for every account")
		return
	}
	who := "account " + strings.Join(alone[:min(len(alone), 5)], ", ")
	if more := len(alone) - 5; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	if alone[0] == "*" {
		who = "an account"
	}
	n.warn(check, "channels", fmt.Sprintf("no channel takes %s of %s: %s", event, who, lost),
		fmt.Sprintf("add %q to events, and the account to accounts, of a [[notify]] in %s", event, f.Places.Config))
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
		n.wrong(check, c.Name, "desktop channels need D-Bus, which this system does not have", "use another type of channel in its place")
		return false
	case f.Places.System:
		n.warn(check, c.Name, "a keeper of the whole machine cannot reach anybody's desktop session",
			"bilikeeper agent install # as the user of the desktop, whom [[control.allow]] lets in with status and login")
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
		failing(f, n, c, fmt.Sprintf("it has been failing for %s", strings.TrimSuffix(f.ago(*c.FailingSince), " ago")))
	case c.LastFailed != nil && (c.LastDelivered == nil || c.LastFailed.After(*c.LastDelivered)):
		failing(f, n, c, "it failed "+f.ago(*c.LastFailed))
	case c.LastDelivered == nil:
		n.warn(check, c.Name, "no message has gone out over it yet, so whether it works is not known", test)
	default:
		n.ok(check, c.Name, "delivered "+f.ago(*c.LastDelivered))
	}
}

func failing(f *Facts, n *notes, c client.Channel, detail string) {
	switch {
	case c.LastDelivered == nil:
		detail += " and never delivered"
	default:
		detail += ", delivered last " + f.ago(*c.LastDelivered)
	}
	if c.LastError != "" {
		detail += ": " + c.LastError
	}
	if c.RetryAt != nil {
		detail += "; next try " + f.in(*c.RetryAt)
	}
	test := f.command("notify", "test", c.Name)
	if c.Fallback != "" {
		n.warn("notifications.channel", c.Name, detail+"; "+c.Fallback+" takes over meanwhile", test)
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
	public, edit := c.Page.PublicURL, " # in [page] of "+f.Places.Config
	host, _, err := net.SplitHostPort(c.Page.Listen)
	outside := err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback()
	switch {
	case public == "":
		n.warn(check, "login page", "it is served on "+c.Page.Listen+", and without public_url no message carries a link to it",
			`public_url = "https://keeper.example.net"`+edit)
	case !strings.HasPrefix(public, "https://") && !isLocal(public):
		n.warn(check, "login page", "its links begin with "+public+" and go over the network in the clear: whoever is on the way can follow a login",
			`public_url = "https://keeper.example.net"`+edit+", and TLS in front of "+c.Page.Listen)
	case outside:
		n.warn(check, "login page", "it listens on "+c.Page.Listen+", where others reach it without the TLS that stands in front of it",
			`listen = "127.0.0.1:7331"`+edit)
	default:
		n.ok(check, "login page", "on "+c.Page.Listen+", as "+public)
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
		return "no keeper answers, and only it knows " + what
	}
	return "the keeper does not tell " + what
}

// refused is why the keeper did not tell a part.
func refused(err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Error()
	}
	return err.Error()
}
