package config

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// The types of channels.
const (
	NotifyWebhook    = "webhook"
	NotifyDesktop    = "desktop"
	NotifyEmail      = "email"
	NotifyTelegram   = "telegram"
	NotifyWeCom      = "wecom"
	NotifyDiscord    = "discord"
	NotifyNtfy       = "ntfy"
	NotifyOneBot     = "onebot"
	NotifyBark       = "bark"
	NotifyServerChan = "serverchan"
	NotifyPushPlus   = "pushplus"
	NotifyGotify     = "gotify"
	NotifyDingTalk   = "dingtalk"
	NotifyFeishu     = "feishu"
	NotifyShoutrrr   = "shoutrrr"
)

// channelType says which keys mean something to a type of channel, beside
// those that all have.
type channelType struct {
	name string
	// needs must be given: of alternatives, which a bar parts, one.
	needs []string
	may   []string
	// secretURL is set where whoever has the URL can write to the channel.
	secretURL bool
}

const address = "url|url_file"

func channelTypes() []channelType {
	return []channelType{
		{name: NotifyWebhook, needs: []string{address}, may: web("secret_file")},
		{name: NotifyDesktop},
		{name: NotifyEmail, needs: []string{"host", "from", "to"}, may: []string{"port", "tls", "user", "password_file"}},
		{name: NotifyTelegram, needs: []string{"token_file", "chat"}, may: web(address, "topic")},
		{name: NotifyWeCom, needs: []string{address}, may: web("mention"), secretURL: true},
		{name: NotifyDiscord, needs: []string{address}, may: web(), secretURL: true},
		{name: NotifyNtfy, needs: []string{"topic"}, may: web(address, "token_file")},
		{name: NotifyOneBot, needs: []string{address, "user_id|group_id"}, may: web("token_file")},
		{name: NotifyBark, needs: []string{"token_file"}, may: web(address)},
		{name: NotifyServerChan, needs: []string{"token_file"}, may: web(address)},
		{name: NotifyPushPlus, needs: []string{"token_file"}, may: web(address, "topic")},
		{name: NotifyGotify, needs: []string{address, "token_file"}, may: web("client_token_file")},
		{name: NotifyDingTalk, needs: []string{address}, may: web("secret_file"), secretURL: true},
		{name: NotifyFeishu, needs: []string{address}, may: web("secret_file"), secretURL: true},
		{name: NotifyShoutrrr, needs: []string{address}, secretURL: true},
	}
}

// web adds what every channel has that speaks HTTP by this program's own means.
func web(keys ...string) []string { return append(keys, "proxy", "allow_http") }

// NotifyTypes returns the types of channels.
func NotifyTypes() []string {
	var names []string
	for _, t := range channelTypes() {
		names = append(names, t.name)
	}
	return names
}

func (n Notify) kind() (channelType, bool) {
	types := channelTypes()
	i := slices.IndexFunc(types, func(t channelType) bool { return t.name == n.Type })
	if i < 0 {
		return channelType{}, false
	}
	return types[i], true
}

// common are the keys of every channel.
var common = []string{"name", "type", "events", "accounts", "fallback", "rate"}

// throughOthers are services that people will look for, and the type that
// reaches them.
var throughOthers = map[string]string{
	"pushover": NotifyShoutrrr, "matrix": NotifyShoutrrr, "slack": NotifyShoutrrr, "mqtt": NotifyShoutrrr,
	"teams": NotifyShoutrrr, "signal": NotifyShoutrrr, "pushdeer": NotifyWebhook, "wxpusher": NotifyWebhook,
	"mail": NotifyEmail, "smtp": NotifyEmail, "qq": NotifyOneBot, "lark": NotifyFeishu, "wechat": NotifyServerChan,
}

// knownEvents are what a channel can be told, "*" for everything.
var knownEvents = []string{
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
		kind, ok := n.kind()
		other := throughOthers[n.Type]
		switch {
		case ok:
			n.checkKeys(f, key, kind)
			n.checkPlaces(f, key)
			n.checkPeople(f, key)
		case n.Type == "":
			f.add(key+".type", "is missing", `write type = "webhook"`)
		case other != "":
			f.add(key+".type", fmt.Sprintf("%q is no type of its own", n.Type), fmt.Sprintf("use %q", other))
		default:
			f.word(key+".type", n.Type, NotifyTypes()...)
		}
		if len(n.Events) == 0 && !c.standsIn(n.Name) {
			f.add(key+".events", "is empty", "leave the key out for the usual ones, or name the channel as another's fallback")
		}
		c.checkFallback(f, key, n)
		for j, event := range n.Events {
			f.word(fmt.Sprintf("%s.events[%d]", key, j), event, knownEvents...)
		}
		f.accounts(key+".accounts", n.Accounts)
	}
}

// standsIn reports whether a channel is another's fallback. It may have nothing
// to tell besides.
func (c Config) standsIn(name string) bool {
	return slices.ContainsFunc(c.Notify, func(n Notify) bool { return n.Fallback == name && n.Name != name })
}

func (c Config) checkFallback(f *faults, key string, n Notify) {
	if n.Fallback == "" {
		return
	}
	next := func(name string) (string, bool) {
		i := slices.IndexFunc(c.Notify, func(o Notify) bool { return o.Name == name })
		if i < 0 {
			return "", false
		}
		return c.Notify[i].Fallback, true
	}
	seen := []string{n.Name}
	for name := n.Fallback; name != ""; {
		if slices.Contains(seen, name) {
			if name == n.Name {
				f.add(key+".fallback", "leads back to "+name, "name a channel that does not lean on this one")
			}
			return
		}
		seen = append(seen, name)
		then, ok := next(name)
		if !ok {
			if len(seen) == 2 {
				f.add(key+".fallback", fmt.Sprintf("there is no channel %q", clip(name)), "name another [[notify]]")
			}
			return
		}
		name = then
	}
}

// checkKeys compares the keys that are given with those of the type.
func (n Notify) checkKeys(f *faults, entry string, t channelType) {
	given := keysGiven(n)
	var taken []string
	for i, keys := range slices.Concat(t.needs, t.may) {
		choice := strings.Split(keys, "|")
		taken = append(taken, choice...)
		var found []string
		for _, key := range choice {
			if slices.Contains(given, key) {
				found = append(found, key)
			}
		}
		switch {
		case len(found) > 1:
			f.add(entry+"."+found[1], "is given beside "+found[0], "remove one of them")
		case len(found) == 0 && i < len(t.needs):
			f.add(entry+"."+choice[0], "is missing", t.wanted(choice))
		}
	}
	for _, key := range given {
		if !slices.Contains(taken, key) && !slices.Contains(common, key) {
			f.add(entry+"."+key, "means nothing to a channel of type "+t.name, "remove it")
		}
	}
}

// wanted says how a missing key is written.
func (t channelType) wanted(choice []string) string {
	forms := map[string]string{
		"url": `url = "https://…"`, "url_file": `url_file = "…"`, "to": `to = ["…"]`,
		"user_id": "user_id = …", "group_id": "group_id = …",
	}
	if t.secretURL {
		choice = choice[1:] // a file is the better place for it
	}
	var list []string
	for _, key := range choice {
		form, ok := forms[key]
		if !ok {
			form = key + ` = "…"`
		}
		list = append(list, form)
	}
	return "write " + strings.Join(list, " or ")
}

// checkPlaces checks where the channel goes to. No URL is ever quoted: its path,
// query or user part may be a token.
func (n Notify) checkPlaces(f *faults, key string) {
	for _, s := range n.secretFiles(new(Secrets)) {
		f.path(key+"."+s.key, s.path)
	}
	if n.URL != "" {
		if fault := n.urlFault(n.URL); fault != nil {
			f.add(key+".url", fault.what, fault.hint)
		}
	}
	if n.Proxy == "" {
		return
	}
	if u, err := url.Parse(n.Proxy); err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) {
		f.add(key+".proxy", "is no proxy's URL", `write "http://host:port" or "socks5://host:port"`)
	}
}

var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

var bridgeURL = regexp.MustCompile(`^([a-z][a-z0-9]*(\+[a-z]+)?)://.`)

// urlFault says what is wrong with the URL of the channel, nil if nothing is.
func (n Notify) urlFault(raw string) *fileFault {
	if n.Type == NotifyShoutrrr {
		if !bridgeURL.MatchString(raw) {
			return &fileFault{"is no shoutrrr URL", `write "service://…"`}
		}
		return nil
	}
	u, ok := webURL(raw)
	if !ok || u.Fragment != "" {
		return &fileFault{"is no http or https URL", `write "https://host/path"`}
	}
	if u.Scheme == "http" && !n.AllowHTTP && !loopback(u.Hostname()) {
		return &fileFault{"goes to another machine in the clear, and a message may bring a login code",
			"use https, or allow_http = true"}
	}
	return nil
}

var (
	chatPattern  = regexp.MustCompile(`^(-?[0-9]+|@[A-Za-z0-9_]{4,})$`)
	topicPattern = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)
	threadNumber = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
)

// checkPeople checks whom the channel tells.
func (n Notify) checkPeople(f *faults, key string) {
	if n.Chat != "" && !chatPattern.MatchString(n.Chat) {
		f.add(key+".chat", "is no chat", `write its number in quotes, or "@name"`)
	}
	switch {
	case n.Topic == "":
	case n.Type == NotifyTelegram && !threadNumber.MatchString(n.Topic):
		f.add(key+".topic", "is no topic", "write its number in quotes")
	case !topicPattern.MatchString(n.Topic):
		f.add(key+".topic", "is no topic", "use letters, digits, dashes and underscores, at most 64")
	}
	if n.UserID < 0 || n.GroupID < 0 {
		f.add(key, "names no user or group", "write a QQ number")
	}
	if slices.Contains(n.Mention, "") {
		f.add(key+".mention", "holds an empty name", `write user ids, or ["@all"]`)
	}
	if n.Type == NotifyEmail {
		n.checkMail(f, key)
	}
}

func (n Notify) checkMail(f *faults, key string) {
	if strings.ContainsAny(n.Host, " /@:") && !strings.HasPrefix(n.Host, "[") && strings.Count(n.Host, ":") < 2 {
		f.add(key+".host", "is no host", `write "smtp.example.net"; the port has a key of its own`)
	}
	if n.Port != 0 {
		f.within(key+".port", n.Port, 1, 65535)
	}
	if n.TLS != "" {
		f.word(key+".tls", n.TLS, "starttls", "tls", "none")
	}
	if n.TLS == "none" && n.Host != "" && !loopback(n.Host) {
		f.add(key+".tls", `"none" is for a server on this machine only`, `write "starttls" or "tls"`)
	}
	if (n.User == "") != (n.PasswordFile == "") {
		f.add(key+".user", "and password_file belong together", "give both or neither")
	}
	if _, err := mail.ParseAddress(n.From); n.From != "" && err != nil {
		f.add(key+".from", "is no mail address", `write "keeper@example.net"`)
	}
	for i, to := range n.To {
		if _, err := mail.ParseAddress(to); err != nil {
			f.add(fmt.Sprintf("%s.to[%d]", key, i), "is no mail address", `write "you@example.net"`)
		}
	}
}
