package bark

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "bark", Needs: []string{"token_file"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a device.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL).Reveal(), DeviceKey: s.Secrets["token_file"], HTTP: k.Options(s)})
}

const example = `# An iPhone with Bark. The file holds the device key. url is your own server; ""
# is the public one.
#[[notify]]
#name = "bark"
#type = "bark"
#token_file = "bark.key"
#url = ""
`
