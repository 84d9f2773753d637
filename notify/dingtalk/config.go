package dingtalk

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "dingtalk", Needs: []string{"url|url_file"}, SecretURL: true,
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a robot.
type Keys struct {
	post.Keys
	SecretFile string `toml:"secret_file"`
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{URL: s.Secrets.Address(k.URL), Secret: s.Secrets["secret_file"], HTTP: k.Options(s)})
}

const example = `# Robots of DingTalk and Feishu (or Lark). The first file holds the URL, the
# second the key of the signature where the robot wants one.
#[[notify]]
#name = "dingtalk"
#type = "dingtalk"
#url_file = "dingtalk.url"
#secret_file = "dingtalk.secret"
`
