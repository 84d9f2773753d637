package feishu

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "feishu", Also: []string{"lark"}, Needs: []string{"url|url_file"}, SecretURL: true,
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a bot.
type Keys struct {
	post.Keys
	SecretFile string `toml:"secret_file"`
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL), Secret: s.Secrets["secret_file"], OpenLabel: s.OpenLabel, HTTP: k.Options(s)})
}

const example = `#[[notify]]
#name = "feishu"
#type = "feishu"
#url_file = "feishu.url"
#secret_file = "feishu.secret"
`
