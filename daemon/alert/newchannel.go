package alert

import (
	"fmt"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/bark"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
	"github.com/bilikeeper/bilikeeper/notify/dingtalk"
	"github.com/bilikeeper/bilikeeper/notify/discord"
	"github.com/bilikeeper/bilikeeper/notify/email"
	"github.com/bilikeeper/bilikeeper/notify/feishu"
	"github.com/bilikeeper/bilikeeper/notify/gotify"
	"github.com/bilikeeper/bilikeeper/notify/ntfy"
	"github.com/bilikeeper/bilikeeper/notify/onebot"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/pushplus"
	"github.com/bilikeeper/bilikeeper/notify/serverchan"
	"github.com/bilikeeper/bilikeeper/notify/shoutrrr"
	"github.com/bilikeeper/bilikeeper/notify/telegram"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
	"github.com/bilikeeper/bilikeeper/notify/wecom"
)

// appearance is what the channels of a keeper have in common.
type appearance struct {
	version string
	// open is the text of the link or the button that leads to a code.
	open string
}

// newChannel makes a channel of its configuration. It connects to nothing. Its
// error names the channel and holds no secret.
func newChannel(c config.Notify, a appearance) (notify.Channel, error) {
	s, err := c.Secrets()
	if err == nil {
		var channel notify.Channel
		if channel, err = makeChannel(c, s, a); err == nil {
			return channel, nil
		}
	}
	return nil, fmt.Errorf("notification channel %s: %w", c.Name, err)
}

func makeChannel(c config.Notify, s config.Secrets, a appearance) (notify.Channel, error) {
	web := post.Options{AllowHTTP: c.AllowHTTP, Proxy: s.Proxy, Version: a.version}
	url := s.URL.Reveal()
	switch c.Type {
	case config.NotifyWebhook:
		return webhook.New(webhook.Config{URL: url, Secrets: s.Signing, AllowHTTP: c.AllowHTTP, Proxy: s.Proxy, Version: a.version})
	case config.NotifyDesktop:
		return desktop.New(desktop.Config{AppName: "bilikeeper", OpenLabel: a.open})
	case config.NotifyEmail:
		return email.New(email.Config{
			Host: c.Host, Port: c.Port, TLS: c.TLS, User: c.User, Password: s.Password, From: c.From, To: c.To, OpenLabel: a.open,
		})
	case config.NotifyTelegram:
		topic := int64(0)
		if c.Topic != "" {
			// What is no number was refused with the configuration.
			topic, _ = strconv.ParseInt(c.Topic, 10, 64)
		}
		return telegram.New(telegram.Config{Token: s.Token, Chat: c.Chat, Topic: topic, BaseURL: url, HTTP: web})
	case config.NotifyWeCom:
		return wecom.New(wecom.Config{URL: s.URL, Mention: c.Mention, HTTP: web})
	case config.NotifyDiscord:
		return discord.New(discord.Config{URL: s.URL, HTTP: web})
	case config.NotifyNtfy:
		return ntfy.New(ntfy.Config{URL: url, Topic: secret.New(c.Topic), Token: s.Token, OpenLabel: a.open, HTTP: web})
	case config.NotifyOneBot:
		return onebot.New(onebot.Config{URL: url, Token: s.Token, UserID: c.UserID, GroupID: c.GroupID, HTTP: web})
	case config.NotifyBark:
		return bark.New(bark.Config{URL: url, DeviceKey: s.Token, HTTP: web})
	case config.NotifyServerChan:
		return serverchan.New(serverchan.Config{SendKey: s.Token, BaseURL: url, HTTP: web})
	case config.NotifyPushPlus:
		return pushplus.New(pushplus.Config{Token: s.Token, Topic: c.Topic, BaseURL: url, HTTP: web})
	case config.NotifyGotify:
		return gotify.New(gotify.Config{URL: url, Token: s.Token, ClientToken: s.ClientToken, HTTP: web})
	case config.NotifyDingTalk:
		return dingtalk.New(dingtalk.Config{URL: s.URL, Secret: s.Secret, HTTP: web})
	case config.NotifyFeishu:
		return feishu.New(feishu.Config{URL: s.URL, Secret: s.Secret, OpenLabel: a.open, HTTP: web})
	case config.NotifyShoutrrr:
		return shoutrrr.New(shoutrrr.Config{URL: s.URL})
	}
	return nil, fmt.Errorf("there is no type %q", c.Type)
}
