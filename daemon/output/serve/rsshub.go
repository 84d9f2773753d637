package serve

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// RSSHubPath is the path of REMOTE_CONFIG.
const RSSHubPath = "/rsshub"

// RSSHub is what an RSSHub with REMOTE_CONFIG fetches when it starts.
type RSSHub struct {
	Accounts []string
	// Auth is REMOTE_CONFIG_AUTH. RSSHub puts it behind "Basic " as it is, so it
	// is usually the base64 of user:password; either form may stand here.
	Auth secret.String
}

func (r RSSHub) check() error {
	if len(r.Accounts) == 0 || slices.Contains(r.Accounts, "") {
		return errors.New("it names no account")
	}
	return checkSecret(r.Auth)
}

// proves reports whether a header brings the secret, as it is or in base64.
func (r RSSHub) proves(header string) bool {
	scheme, given, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	given = strings.TrimSpace(given)
	decoded, err := base64.StdEncoding.DecodeString(given)
	asIs, inside := equal(given, r.Auth.Reveal()), equal(string(decoded), r.Auth.Reveal())
	return asIs || err == nil && inside
}

// basic asks for the way in that RSSHub knows.
const basic = `Basic realm="bilikeeper"`

func (h *Handler) remoteConfig(w http.ResponseWriter, r *http.Request) {
	header := r.Header.Get("Authorization")
	if header == "" { // a question for the way in, not a guess
		w.Header().Set("WWW-Authenticate", basic)
		refuse(w, http.StatusUnauthorized)
		return
	}
	if !h.proven(w, r, FormatRSSHub, "rsshub", http.StatusUnauthorized, func() bool { return h.rsshub.proves(header) }) {
		return
	}
	env := map[string]string{}
	for _, account := range h.rsshub.Accounts {
		c, ok, err := h.read(r, account, FormatRSSHub)
		if err != nil {
			h.trouble(w, FormatRSSHub, err)
			return
		}
		if !ok {
			continue
		}
		name, value, err := output.RSSHub(c)
		if err != nil {
			h.trouble(w, FormatRSSHub, err)
			return
		}
		env[name] = value
	}
	if len(env) == 0 {
		unavailable(w)
		return
	}
	reply(w, env)
}
