package post

import (
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Keys are those that every channel has in the configuration that speaks HTTP by
// this package. Channels embed them.
type Keys struct {
	URL       string `toml:"url" mask:"path"`
	URLFile   string `toml:"url_file"`
	Proxy     string `toml:"proxy" mask:"proxy"`
	AllowHTTP bool   `toml:"allow_http"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	if k.URL != "" {
		f.AddFault("url", k.fault(k.URL))
	}
	f.AddFault("proxy", setting.ProxyFault(k.Proxy))
}

func (k *Keys) fault(raw string) *setting.Fault {
	return setting.WebFault(raw, k.AllowHTTP, "a message may bring a login code")
}

// Form returns the secret in the text of a file that a key names.
func (k *Keys) Form(key, text string) (string, error) {
	if key == "url_file" {
		return setting.URL(k.fault)(text)
	}
	return setting.Word(text)
}

// InTheClear reports whether messages leave without protection, as the URL in the
// configuration says.
func (k *Keys) InTheClear() bool {
	return k.AllowHTTP && strings.HasPrefix(strings.ToLower(k.URL), "http://")
}

// Options are those that the keys ask for.
func (k *Keys) Options(s notify.Setup) Options {
	return Options{AllowHTTP: k.AllowHTTP, Proxy: secret.New(k.Proxy), Version: s.Version}
}
