package gotify

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "gotify", Needs: []string{"url|url_file", "token_file"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a server.
type Keys struct {
	post.Keys
	TokenFile       string `toml:"token_file"`
	ClientTokenFile string `toml:"client_token_file"`
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{
		URL: s.Secrets.Address(k.URL).Reveal(), Token: s.Secrets["token_file"], ClientToken: s.Secrets["client_token_file"], HTTP: k.Options(s),
	})
}

const example = `# Gotify. The second token, a client's, is only for taking dead codes back.
#[[notify]]
#name = "gotify"
#type = "gotify"
#url = "https://gotify.example.net"
#token_file = "gotify.token"
#client_token_file = ""
`
