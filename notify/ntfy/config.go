package ntfy

import (
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "ntfy", Needs: []string{"topic"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a topic.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
	// Topic is as good as a password: who knows that of a public server can read it.
	Topic string `toml:"topic" mask:"text"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	k.Keys.Check(f)
	if k.Topic != "" && !topicPattern().MatchString(k.Topic) {
		f.Add("topic", "is no topic", "use letters, digits, dashes and underscores, at most 64")
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{
		URL: s.Secrets.Address(k.URL).Reveal(), Topic: secret.New(k.Topic), Token: s.Secrets["token_file"], OpenLabel: s.OpenLabel, HTTP: k.Options(s),
	})
}

const example = `#[[notify]]
#name = "ntfy"
#type = "ntfy"
# Your own server; "" is ntfy.sh.
#url = ""
# On a public server whoever knows the topic can read it.
#topic = "a-topic-that-nobody-guesses"
# An access token, where the server wants one.
#token_file = ""
`
