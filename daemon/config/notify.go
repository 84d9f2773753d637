package config

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Notify is a channel to people. Its URL may hold a token, so it prints as its name
// and type alone.
type Notify struct {
	Name string `toml:"name"`
	// Type is the name of a kind of [Checks].
	Type string `toml:"type"`

	// Keys are those of the type, which stand beside the others in the file. They are
	// nil where there is no such type.
	Keys setting.Keys
	// strange are keys that the file gives and that are not the type's.
	strange []string

	Events   []string `toml:"events"`
	Accounts []string `toml:"accounts"`

	// Fallback names the channel that takes over while this one fails.
	Fallback string `toml:"fallback,omitempty"`
	// Rate is how many messages it may get; zero is the type's own.
	Rate Rate `toml:"rate,omitempty"`
}

// String implements [fmt.Stringer].
func (n Notify) String() string { return n.Name + " (" + n.Type + ")" }

// GoString implements [fmt.GoStringer].
func (n Notify) GoString() string { return n.String() }

// DefaultEvents returns what a channel is told that names no events.
func DefaultEvents() []string {
	return []string{
		client.EventLoginRequired, client.EventLoginCode, client.EventLoginSucceeded,
		client.EventLoginFailed, client.EventAccountAttention,
	}
}

// knownEvents are what a channel can be told, "*" for everything.
func knownEvents() []string { return append([]string{"*"}, client.EventTypes()...) }

// kind returns what is known of a type of channel.
func (k Checks) kind(name string) (setting.Kind, bool) {
	i := slices.IndexFunc(k.Channels, func(kind setting.Kind) bool { return kind.Name == name })
	if i < 0 {
		return setting.Kind{}, false
	}
	return k.Channels[i], true
}

// elsewhere returns the type that does what people look for under another name.
func (k Checks) elsewhere(service string) (string, bool) {
	for _, kind := range k.Channels {
		if slices.Contains(kind.Also, service) {
			return kind.Name, true
		}
	}
	return "", false
}

func (c Config) checkNotify(f *faults, k Checks) {
	seen := make(map[string]bool)
	for i, n := range c.Notify {
		key := fmt.Sprintf("notify[%d]", i)
		f.name(key, n.Name, seen)
		kind, ok := k.kind(n.Type)
		other, meant := k.elsewhere(n.Type)
		switch {
		case ok && n.Keys != nil:
			kind.Check(n.Keys, n.strange, f.Table(key))
		case n.Type == "":
			f.Add(key+".type", "is missing", `write type = "webhook"`)
		case meant:
			f.Add(key+".type", fmt.Sprintf("%q is no type of its own", n.Type), fmt.Sprintf("use %q", other))
		default:
			var names []string
			for _, kind := range k.Channels {
				names = append(names, kind.Name)
			}
			f.Word(key+".type", n.Type, names...)
		}
		if len(n.Events) == 0 && !c.standsIn(n.Name) {
			f.Add(key+".events", "is empty", "leave the key out for the usual ones, or name the channel as another's fallback")
		}
		c.checkFallback(f, key, n)
		for j, event := range n.Events {
			f.Word(fmt.Sprintf("%s.events[%d]", key, j), event, knownEvents()...)
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
				f.Add(key+".fallback", "leads back to "+name, "name a channel that does not lean on this one")
			}
			return
		}
		seen = append(seen, name)
		then, ok := next(name)
		if !ok {
			if len(seen) == 2 {
				f.Add(key+".fallback", fmt.Sprintf("there is no channel %q", setting.Clip(name)), "name another [[notify]]")
			}
			return
		}
		name = then
	}
}

// checkInline wants no secret in an entry of a file that everybody can read.
func (n Notify) checkInline(f *setting.Faults, k Checks) {
	kind, _ := k.kind(n.Type)
	url, proxy := text(n.Keys, "url"), text(n.Keys, "proxy")
	if url != "" && (kind.SecretURL || setting.HasUser(url)) {
		f.Add("url", "is a secret, and everybody can read this file", "put it into url_file, or run chmod 600 on the configuration")
	}
	if setting.HasUser(proxy) {
		f.Add("proxy", "holds a secret, and everybody can read this file", "run chmod 600 on the configuration")
	}
}

// text returns the value of a key that is a text, "" where a table has no such key.
func text(keys setting.Keys, key string) string {
	if keys == nil {
		return ""
	}
	table := reflect.ValueOf(keys).Elem()
	for _, f := range setting.Fields(table.Type()) {
		if setting.KeyOf(f) == key {
			return table.FieldByIndex(f.Index).String()
		}
	}
	return ""
}
