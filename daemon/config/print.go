package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// masked stands where a part of a URL was that may be a secret. It can be part
// of a URL, so that what is printed can be loaded.
const masked = "redacted"

// Masked returns c without what may be a secret: the path, the query and the
// user part of a channel's or an output's URL, the user of its proxy, the values
// of its headers, an ntfy topic, a uuid of CookieCloud. A file is named by its path, which is none.
func (c Config) Masked() Config {
	c.Notify = slices.Clone(c.Notify)
	for i := range c.Notify {
		n := &c.Notify[i]
		switch bridge := bridgeURL.FindStringSubmatch(n.URL); {
		case n.URL == "":
		case n.Type == NotifyShoutrrr && bridge != nil:
			n.URL = bridge[1] + "://" + masked
		default:
			n.URL = maskPath(n.URL)
		}
		n.Proxy = maskProxy(n.Proxy)
		if n.Type == NotifyNtfy && n.Topic != "" {
			// Who knows a topic of a public server can read it.
			n.Topic = masked
		}
	}
	c.Output = slices.Clone(c.Output)
	for i := range c.Output {
		c.Output[i] = c.Output[i].masked()
	}
	c.Serve.CookieCloud = slices.Clone(c.Serve.CookieCloud)
	for i := range c.Serve.CookieCloud {
		// Who knows it gets what the password opens; two entries' must differ.
		c.Serve.CookieCloud[i].UUID = fmt.Sprintf("%s-%d", masked, i+1)
	}
	// What is valid holds no secret in these. The mask is for a configuration
	// that is printed because it is not.
	e := &c.Endpoints
	for _, s := range []*string{&e.Passport, &e.API, &e.WWW, &e.PassportGame, &e.PassportIntl, &e.APIIntl, &e.GeetestJS, &c.Page.PublicURL} {
		*s = maskUser(*s)
	}
	return c
}

func (o Output) masked() Output {
	if o.URL != "" {
		o.URL = maskPath(o.URL)
	}
	o.Proxy = maskProxy(o.Proxy)
	o.Headers = maps.Clone(o.Headers)
	for name := range o.Headers {
		o.Headers[name] = masked
	}
	return o
}

// maskPath keeps the scheme and the host of a URL.
func maskPath(raw string) string {
	u, ok := webURL(raw)
	if !ok {
		return "https://" + masked + ".invalid"
	}
	origin := u.Scheme + "://" + u.Host
	if (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == "" && u.User == nil {
		return origin + u.Path
	}
	return origin + "/" + masked
}

// maskProxy keeps the scheme, the host and the port of a proxy.
func maskProxy(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) {
		return "http://" + masked + ".invalid"
	}
	return u.Scheme + "://" + u.Host
}

func maskUser(raw string) string {
	if raw == "" {
		return ""
	}
	u, ok := webURL(raw)
	if !ok {
		return "https://" + masked + ".invalid"
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return raw
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// Print writes c as TOML, without secrets. [Parse] takes what it wrote, and so
// does [Load] from a file that is closed to others.
func (c Config) Print(w io.Writer) error {
	data, err := toml.Marshal(c.Masked().whole())
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// PrintJSON writes what [Config.Print] does as one JSON document with the same
// keys.
func (c Config) PrintJSON(w io.Writer) error {
	var text bytes.Buffer
	if err := c.Print(&text); err != nil {
		return err
	}
	var document map[string]any
	if err := toml.Unmarshal(text.Bytes(), &document); err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// whole returns c with empty lists in place of absent ones: a key whose value
// is nil would be left out.
func (c Config) whole() Config {
	c.Accounts = slices.Clone(c.Accounts)
	for i := range c.Accounts {
		if c.Accounts[i].Tags == nil {
			c.Accounts[i].Tags = []string{}
		}
	}
	c.Output = slices.Clone(c.Output)
	for i := range c.Output {
		if c.Output[i].OnChange == nil {
			c.Output[i].OnChange = Commands{}
		}
	}
	return c
}
