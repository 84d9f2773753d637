package wecom

import (
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "wecom", Needs: []string{"url|url_file"}, SecretURL: true,
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a robot.
type Keys struct {
	post.Keys
	Mention []string `toml:"mention"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	k.Keys.Check(f)
	if slices.Contains(k.Mention, "") {
		f.Add("mention", "holds an empty name", `write user ids, or ["@all"]`)
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL), Mention: k.Mention, HTTP: k.Options(s)})
}

const example = `# A WeCom group's robot. The file holds its URL.
#[[notify]]
#name = "wecom"
#type = "wecom"
#url_file = "wecom.url"
# Who is called when a code comes: user ids, or "@all".
#mention = []
`
