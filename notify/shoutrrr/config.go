package shoutrrr

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "shoutrrr", Also: []string{"pushover", "matrix", "slack", "mqtt", "teams", "signal"}, Needs: []string{"url|url_file"}, SecretURL: true,
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a service that shoutrrr reaches.
type Keys struct {
	URL     string `toml:"url" mask:"service"`
	URLFile string `toml:"url_file"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	if k.URL != "" {
		f.AddFault("url", fault(k.URL))
	}
}

// Form returns the secret in the text of a file that a key names.
func (k *Keys) Form(_, text string) (string, error) { return setting.URL(fault)(text) }

func fault(raw string) *setting.Fault {
	if _, ok := setting.Service(raw); ok {
		return nil
	}
	return &setting.Fault{What: "is no shoutrrr URL", Hint: `write "service://…"`}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL)})
}

const example = `# Other services, text alone. The file holds a URL of shoutrrr's.
#[[notify]]
#name = "pushover"
#type = "shoutrrr"
#url_file = "shoutrrr.url"
`
