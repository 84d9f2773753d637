package pushplus

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "pushplus", Needs: []string{"token_file"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a user or a group.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
	Topic     string `toml:"topic"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	k.Keys.Check(f)
	if !wordPattern().MatchString(k.Topic) {
		f.Add("topic", "is no topic", "use letters, digits, dashes and underscores, at most 64")
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{Token: s.Secrets["token_file"], Topic: k.Topic, BaseURL: s.Secrets.Address(k.URL).Reveal(), HTTP: k.Options(s)})
}

const example = `# PushPlus. topic is a group's code; "" is you alone.
#[[notify]]
#name = "pushplus"
#type = "pushplus"
#token_file = "pushplus.token"
#topic = ""
`
