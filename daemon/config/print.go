package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Masked returns c without what may be a secret: the path, the query and the
// user part of a channel's or an output's URL, the user of its proxy, the values
// of its headers, an ntfy topic, a uuid of CookieCloud, the heartbeat. A file is named by its path, which is none.
func (c Config) Masked() Config {
	c.Notify = slices.Clone(c.Notify)
	for i := range c.Notify {
		if n := &c.Notify[i]; n.Keys != nil {
			n.Keys = setting.Masked(n.Keys)
		}
	}
	c.Output = slices.Clone(c.Output)
	for i := range c.Output {
		c.Output[i] = setting.Masked(c.Output[i])
	}
	c.Serve.CookieCloud = slices.Clone(c.Serve.CookieCloud)
	for i := range c.Serve.CookieCloud {
		// Who knows it gets what the password opens; two entries' must differ.
		c.Serve.CookieCloud[i].UUID = fmt.Sprintf("%s-%d", setting.MaskedText, i+1)
	}
	c.Accounts = maskedAccounts(c.Accounts)
	c.Heartbeat = setting.Masked(c.Heartbeat)
	// What is valid holds no secret in these. The mask is for a configuration
	// that is printed because it is not.
	c.Endpoints, c.Page = setting.Masked(c.Endpoints), setting.Masked(c.Page)
	return c
}

// Print writes c as TOML, without secrets. [Parse] takes what it wrote, and so
// does [Load] from a file that is closed to others.
func (c Config) Print(w io.Writer) error {
	data, err := toml.Marshal(c.Masked().whole().document().Interface())
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
