package webhook

import (
	"encoding/base64"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "webhook", Also: []string{"pushdeer", "wxpusher"}, Needs: []string{"url|url_file"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of an endpoint.
type Keys struct {
	post.Keys
	SecretFile string `toml:"secret_file"`
}

// Form implements the form of files: secret_file holds a secret a line, two while
// one is being replaced.
func (k *Keys) Form(key, text string) (string, error) {
	if key != "secret_file" {
		return k.Keys.Form(key, text)
	}
	words := strings.Fields(text)
	for _, word := range words {
		encoded, ok := strings.CutPrefix(word, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) == 0 {
			return "", &setting.Fault{What: "holds something that is no secret", Hint: `a secret is "whsec_" and base64, one a line`}
		}
	}
	if len(words) == 0 {
		return "", &setting.Fault{What: "is empty", Hint: `put "whsec_" and base64 into it`}
	}
	return strings.Join(words, "\n"), nil
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	var signing []secret.String
	for word := range strings.FieldsSeq(s.Secrets["secret_file"].Reveal()) {
		signing = append(signing, secret.New(word))
	}
	web := k.Options(s)
	return New(Config{URL: s.Secrets.Address(k.URL).Reveal(), Secrets: signing, AllowHTTP: web.AllowHTTP, Proxy: web.Proxy, Version: web.Version})
}

const example = `# An endpoint of your own, by Standard Webhooks.
#[[notify]]
#name = "hook"
#type = "webhook"
# Where to: https, or http to this machine. url_file names a file with the URL
# instead, for any type that has a URL.
#url = "https://example.net/hook"
# What messages are signed with ("whsec_" and base64, one a line). "" sends them
# unsigned.
#secret_file = ""
# http to another machine too. Codes then travel in the clear. For any type that
# speaks HTTP.
#allow_http = false
# What a channel is told, ["*"] for everything. These are the default for any
# type.
#events = ["login.required", "login.code", "login.succeeded", "login.failed", "account.attention"]
# For which accounts. All is the default for any type.
#accounts = ["*"]
# The channel that takes over while this one fails, for any type. One that is
# only that has events = [].
#fallback = "mail"
# How many messages it may get, "20/1m" for example; "" is what the service
# allows. What is too much waits, and codes that die meanwhile are left out.
#rate = ""
`
