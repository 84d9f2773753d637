package output

import (
	"encoding/json"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/pelletier/go-toml/v2"
)

// yutto is its auth.toml with one profile, the one that it takes unless it is
// told another.
func yutto(c keeper.Credential, _ Options) ([]byte, error) {
	type profile struct {
		Session string `toml:"sessdata"`
		CSRF    string `toml:"bili_jct"`
		Updated string `toml:"updated_at,omitempty"`
	}
	p := profile{Session: c.Value(cookieSession), CSRF: c.Value(cookieCSRF)}
	if !c.IssuedAt.IsZero() {
		p.Updated = c.IssuedAt.UTC().Format(time.RFC3339)
	}
	return toml.Marshal(map[string]map[string]profile{"profiles": {"default": p}})
}

// blrec is the part of blrec's settings.toml that holds the cookie. blrec
// writes that file itself and reads it at its start alone, so a running one is
// better served by a push.
func blrec(c keeper.Credential, _ Options) ([]byte, error) {
	type headers struct {
		UserAgent string `toml:"user_agent,omitempty"`
		Cookie    string `toml:"cookie"`
	}
	return toml.Marshal(map[string]headers{"header": {c.UserAgent, line(c)}})
}

// bililiveGo is the part of bililive-go's config.yml that holds the cookie. A
// JSON text in double quotes is a YAML text as well.
func bililiveGo(c keeper.Credential, _ Options) ([]byte, error) {
	quoted, err := json.Marshal(pairs(c, "; "))
	if err != nil {
		return nil, err
	}
	return []byte("cookies:\n  live.bilibili.com: " + string(quoted) + "\n"), nil
}
