package discord

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "discord", Needs: []string{"url|url_file"}, SecretURL: true,
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a webhook.
type Keys struct {
	post.Keys
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL), HTTP: k.Options(s)})
}

const example = `# A Discord webhook. The file holds its URL.
#[[notify]]
#name = "discord"
#type = "discord"
#url_file = "discord.url"
`
