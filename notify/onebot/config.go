package onebot

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "onebot", Also: []string{"qq"}, Needs: []string{"url|url_file", "user_id|group_id"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a bot and whom it tells.
type Keys struct {
	post.Keys
	TokenFile string `toml:"token_file"`
	UserID    int64  `toml:"user_id"`
	GroupID   int64  `toml:"group_id"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	k.Keys.Check(f)
	if k.UserID < 0 || k.GroupID < 0 {
		f.Add("", "names no user or group", "write a QQ number")
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{
		URL: s.Secrets.Address(k.URL).Reveal(), Token: s.Secrets["token_file"], UserID: k.UserID, GroupID: k.GroupID, HTTP: k.Options(s),
	})
}

const example = `# QQ, through a bot that speaks OneBot 11.
#[[notify]]
#name = "qq"
#type = "onebot"
#url = "http://127.0.0.1:3000"
#token_file = "onebot.token"
# The QQ number of a user; or group_id, that of a group.
#user_id = 100200300
#
#[[notify]]
#name = "qq-group"
#type = "onebot"
#url = "http://127.0.0.1:3000"
#token_file = "onebot.token"
#group_id = 100200300
`
