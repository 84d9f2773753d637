package telegram

import (
	"strconv"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "telegram", Needs: []string{"token_file", "chat"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a bot and the chat it writes to.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
	Chat      string `toml:"chat"`
	Topic     string `toml:"topic"`
	Commands  bool   `toml:"commands"`
}

var topicPattern = lazyregexp.New(`^[1-9][0-9]{0,17}$`)

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	k.Keys.Check(f)
	if k.Chat != "" && !chatPattern().MatchString(k.Chat) {
		f.Add("chat", "is no chat", `write its number in quotes, or "@name"`)
	}
	if k.Topic != "" && !topicPattern().MatchString(k.Topic) {
		f.Add("topic", "is no topic", "write its number in quotes")
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	topic := int64(0)
	if k.Topic != "" {
		// What is no number was refused with the configuration.
		topic, _ = strconv.ParseInt(k.Topic, 10, 64)
	}
	return New(Config{
		Token: s.Secrets["token_file"], Chat: k.Chat, Topic: topic, Commands: k.Commands, CodeLabel: s.CodeLabel, MorningLabel: s.MorningLabel,
		BaseURL: s.Secrets.Address(k.URL).Reveal(), HTTP: k.Options(s),
	})
}

const example = `#[[notify]]
#name = "telegram"
#type = "telegram"
# The bot's token.
#token_file = "telegram.token"
# A number in quotes, negative for a group, or "@name" of a channel.
#chat = "100200300"
# A topic of a group, its number in quotes; "" for none.
#topic = ""
# true: the bot answers in this chat /status, /login NAME and /check NAME, and has
# buttons for a fresh code and for a reminder in the morning. No other program may
# read the bot's messages then.
#commands = false
# http, https or socks5, for any type that speaks HTTP. Without it the
# environment decides (HTTPS_PROXY).
#proxy = "socks5://127.0.0.1:1080"
`
