// Package channels lists the channels that there are. A new one is a line in
// [Kinds]; what it can do and how it is configured stands in its own package.
//
// How messages are delivered is the matter of package notify, and what an entry of
// the configuration has beside the channel's own keys that of the configuration.
// Neither may come in.
//
// Guarantee: each kind can be made into a channel by [New].
package channels

import (
	"fmt"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/bark"
	"github.com/bilikeeper/bilikeeper/notify/command"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
	"github.com/bilikeeper/bilikeeper/notify/dingtalk"
	"github.com/bilikeeper/bilikeeper/notify/discord"
	"github.com/bilikeeper/bilikeeper/notify/email"
	"github.com/bilikeeper/bilikeeper/notify/feishu"
	"github.com/bilikeeper/bilikeeper/notify/gotify"
	"github.com/bilikeeper/bilikeeper/notify/ntfy"
	"github.com/bilikeeper/bilikeeper/notify/onebot"
	"github.com/bilikeeper/bilikeeper/notify/pushplus"
	"github.com/bilikeeper/bilikeeper/notify/serverchan"
	"github.com/bilikeeper/bilikeeper/notify/shoutrrr"
	"github.com/bilikeeper/bilikeeper/notify/telegram"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
	"github.com/bilikeeper/bilikeeper/notify/wecom"
)

// Kinds returns the types of channels, in the order in which people are told of
// them.
func Kinds() []setting.Kind {
	return []setting.Kind{
		webhook.Kind(),
		command.Kind(),
		desktop.Kind(),
		email.Kind(),
		telegram.Kind(),
		wecom.Kind(),
		discord.Kind(),
		ntfy.Kind(),
		onebot.Kind(),
		bark.Kind(),
		serverchan.Kind(),
		pushplus.Kind(),
		gotify.Kind(),
		dingtalk.Kind(),
		feishu.Kind(),
		shoutrrr.Kind(),
	}
}

// New makes a channel of its keys. It reads the files that they name, connects to
// nothing, and its error holds no secret.
func New(keys setting.Keys, read setting.Reader, s notify.Setup) (notify.Channel, error) {
	own, ok := keys.(notify.Keys)
	if !ok {
		return nil, fmt.Errorf("there is no channel with %T", keys)
	}
	var err error
	if s.Secrets, err = setting.ReadAll(setting.Files(keys), read); err != nil {
		return nil, err
	}
	return own.Channel(s)
}
