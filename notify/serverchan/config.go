package serverchan

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "serverchan", Also: []string{"wechat"}, Needs: []string{"token_file"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a send key.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{SendKey: s.Secrets["token_file"], BaseURL: s.Secrets.Address(k.URL).Reveal(), HTTP: k.Options(s)})
}

const example = `# ServerChan, Turbo or 3. The file holds the send key.
#[[notify]]
#name = "serverchan"
#type = "serverchan"
#token_file = "serverchan.key"
`
