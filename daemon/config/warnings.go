package config

import (
	"fmt"
	"strings"
)

// Warnings says what is set and has no effect in this version, and what works
// but may not be meant, each in a sentence.
func (c Config) Warnings() []string {
	var w []string
	if c.Page.Listen != "" && c.Page.PublicURL == "" {
		w = append(w, "page.public_url is not set: messages carry no link to the login page")
	}
	if s, err := c.Schedule(""); err == nil && c.Check.Jitter.Std() > s.Interval() {
		w = append(w, fmt.Sprintf("check.jitter (%s) is longer than the time between two checks (about %s)",
			c.Check.Jitter, Duration(s.Interval())))
	}
	for _, e := range c.Endpoints.list() {
		if u, ok := webURL(e.url); ok && u.Scheme == "http" && !loopback(u.Hostname()) {
			w = append(w, fmt.Sprintf("endpoints.%s is reached in the clear: whoever is on the way can read the credentials", e.key))
		}
	}
	for _, n := range c.Notify {
		if n.AllowHTTP && strings.HasPrefix(strings.ToLower(n.URL), "http://") {
			w = append(w, fmt.Sprintf("notify %s goes out in the clear: whoever is on the way can read the login codes", n.Name))
		}
		for _, event := range n.Events {
			if strings.HasPrefix(event, "notify.") {
				w = append(w, fmt.Sprintf("notify %s is never told %s: a channel that reports on channels would report on itself", n.Name, event))
			}
		}
	}
	for _, o := range c.Output {
		if u, ok := webURL(o.URL); ok && o.AllowHTTP && u.Scheme == "http" && !loopback(u.Hostname()) {
			w = append(w, fmt.Sprintf("output %s goes out in the clear: whoever is on the way can read the credential", o.Name))
		}
		if o.WithRefreshToken {
			w = append(w, fmt.Sprintf("output %s hands out the refresh token: whoever uses it ends the keeper's session", o.Name))
		}
	}
	return append(w, c.Serve.warnings()...)
}
