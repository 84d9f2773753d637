package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output"
)

// notBuilt are channels that people will look for and this version lacks.
var notBuilt = []string{
	"email", "telegram", "wecom", "onebot", "discord", "ntfy", "pushover", "matrix", "slack", "pushplus",
	"gotify", "bark", "serverchan", "dingtalk", "feishu", "pushdeer", "wxpusher", "mqtt", "shoutrrr",
}

// events are what a channel can be told, "*" for everything.
var events = []string{
	"*",
	client.EventAccountAdded, client.EventAccountRemoved, client.EventAccountAttention,
	client.EventCheckOK, client.EventCheckDead, client.EventCheckUnreachable, client.EventCheckBlocked,
	client.EventRefreshed, client.EventRefreshFailed, client.EventConfirmed,
	client.EventLoginRequired, client.EventLoginCode, client.EventLoginScanned,
	client.EventLoginSucceeded, client.EventLoginFailed, client.EventCredentialRead,
	client.EventOutputWritten, client.EventOutputFailed,
	client.EventNotifyDelivered, client.EventNotifyFailed,
}

func (c Config) checkNotify(f *faults) {
	seen := make(map[string]bool)
	for i, n := range c.Notify {
		key := fmt.Sprintf("notify[%d]", i)
		f.name(key, n.Name, seen)
		switch {
		case n.Type == NotifyWebhook:
			n.checkWebhook(f, key)
		case n.Type == NotifyDesktop:
			n.checkDesktop(f, key)
		case n.Type == "":
			f.add(key+".type", "is missing", `write type = "webhook"`)
		case slices.Contains(notBuilt, n.Type):
			f.add(key+".type", fmt.Sprintf("%q is not built yet", n.Type), `use "webhook" or "desktop"`)
		default:
			f.word(key+".type", n.Type, NotifyWebhook, NotifyDesktop)
		}
		if len(n.Events) == 0 {
			f.add(key+".events", "is empty", "leave the key out for the usual ones, or remove the channel")
		}
		for j, event := range n.Events {
			f.word(fmt.Sprintf("%s.events[%d]", key, j), event, events...)
		}
		f.accounts(key+".accounts", n.Accounts)
	}
}

func (n Notify) checkWebhook(f *faults, key string) {
	f.path(key+".secret_file", n.SecretFile)
	if n.URL == "" {
		f.add(key+".url", "is missing", `write url = "https://…"`)
		return
	}
	// The URL is never quoted: its path, query or user part may be a token.
	u, ok := webURL(n.URL)
	if !ok || u.Fragment != "" {
		f.add(key+".url", "is no http or https URL", `write "https://host/path"`)
		return
	}
	if u.Scheme == "http" && !n.AllowHTTP && !loopback(u.Hostname()) {
		f.add(key+".url", "goes to another machine in the clear, and a message may bring a login code",
			"use https, or allow_http = true")
	}
}

func (n Notify) checkDesktop(f *faults, key string) {
	if n.URL != "" {
		f.add(key+".url", "means nothing to a desktop channel", "remove it")
	}
	if n.SecretFile != "" {
		f.add(key+".secret_file", "means nothing to a desktop channel", "remove it")
	}
}

var ownerPattern = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]*(:[A-Za-z0-9._][A-Za-z0-9._-]*)?$`)

func (c Config) checkOutputs(f *faults) {
	seen := make(map[string]bool)
	for i, o := range c.Output {
		key := fmt.Sprintf("output[%d]", i)
		f.name(key, o.Name, seen)
		if o.Account == "" {
			f.add(key+".account", "is missing", `write account = "…"`)
		} else if !ValidName(o.Account) {
			f.add(key+".account", fmt.Sprintf("%q is not a name", clip(o.Account)), hintName)
		}
		f.word(key+".format", o.Format, output.Formats()...)
		if o.Path == "" {
			f.add(key+".path", "is missing", `write path = "/…"`)
		}
		f.path(key+".path", o.Path)
		o.checkMode(f, key+".mode")
		if o.Owner != "" && !ownerPattern.MatchString(o.Owner) {
			f.add(key+".owner", fmt.Sprintf("%q is no owner", clip(o.Owner)), `write "user" or "user:group"`)
		}
		if len(o.OnChange) > 0 && o.OnChange[0] == "" {
			f.add(key+".on_change", "names no program", `write ["program", "argument"]`)
		}
	}
}

func (o Output) checkMode(f *faults, key string) {
	mode, err := strconv.ParseUint(o.Mode, 8, 32)
	switch {
	case err != nil || mode == 0 || mode > 0o777:
		f.add(key, fmt.Sprintf("%q is no file mode", clip(o.Mode)), `write "0600"`)
	case mode&0o006 != 0:
		f.add(key, fmt.Sprintf("%q lets everybody at a credential", o.Mode), `write "0600", or "0640" and an owner with a group`)
	case mode&0o111 != 0:
		f.add(key, fmt.Sprintf("%q makes a credential a program", o.Mode), `write "0600"`)
	}
}
