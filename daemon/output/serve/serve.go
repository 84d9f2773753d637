package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/lockout"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// The names under which a reading is noted.
const (
	FormatCookieCloud = "cookiecloud"
	FormatRSSHub      = "rsshub-remote"
)

// minSecret is the length of a password from which guessing is hopeless at the
// pace that is left to it. CookieCloud's can be guessed at offline, by whoever
// knows the uuid, because that is all that its protocol asks for before it
// answers.
const minSecret = 12

// Config is what is served.
type Config struct {
	Clouds []Cloud
	// RSSHub is nil where it is off.
	RSSHub *RSSHub
	// Proxies are believed when they say whose a request is.
	Proxies clientaddr.Proxies
}

// Handler serves what was configured. It is safe for concurrent use.
type Handler struct {
	keeper  *keeper.Keeper
	log     zerolog.Logger
	clouds  []Cloud
	rsshub  *RSSHub
	proxies clientaddr.Proxies
	guesses lockout.Lockout
	mux     *http.ServeMux
}

// New checks the configuration.
func New(k *keeper.Keeper, log zerolog.Logger, cfg Config) (*Handler, error) {
	h := &Handler{keeper: k, log: log, proxies: cfg.Proxies, mux: http.NewServeMux()}
	seen := map[string]bool{}
	for _, c := range cfg.Clouds {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("cookiecloud for %q: %w", c.Account, err)
		}
		if seen[c.UUID] {
			return nil, fmt.Errorf("cookiecloud for %q: its uuid is another entry's, too", c.Account)
		}
		seen[c.UUID] = true
	}
	h.clouds = slices.Clone(cfg.Clouds)
	if len(h.clouds) > 0 {
		h.mux.HandleFunc("GET /get/{uuid}", h.cloud)
		h.mux.HandleFunc("POST /get/{uuid}", h.cloud)
	}
	if cfg.RSSHub != nil {
		r := *cfg.RSSHub
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rsshub: %w", err)
		}
		r.Accounts = slices.Clone(r.Accounts)
		h.rsshub = &r
		h.mux.HandleFunc("GET "+RSSHubPath, h.remoteConfig)
	}
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	h.mux.ServeHTTP(w, r)
}

// proven reports whether a request proves itself to a credential, by right, and
// answers it where it does not.
func (h *Handler) proven(w http.ResponseWriter, r *http.Request, format, credential string, status int, right func() bool) bool {
	switch h.guesses.Attempt(r.Context(), clientaddr.Network(h.proxies.Client(r)), credential, right) {
	case lockout.Right:
		return true
	case lockout.TooMany:
		w.Header().Set("Retry-After", "60")
		status = http.StatusTooManyRequests
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", basic)
	}
	h.log.Warn().Str("format", format).Str("remote", h.remote(r)).Msg("a reader did not prove itself")
	refuse(w, status)
	return false
}

// remote says where a request comes from: the peer with its port, or whom a proxy
// names.
func (h *Handler) remote(r *http.Request) string {
	peer := clientaddr.Proxies{}.Client(r)
	if client := h.proxies.Client(r); client != peer {
		return client.String()
	}
	return r.RemoteAddr
}

// read takes an account's credential and notes that it is going to be given. Unlike
// on the socket, where the system says who asks, nothing is given that cannot be noted.
func (h *Handler) read(r *http.Request, account, format string) (c keeper.Credential, ok bool, err error) {
	c = h.keeper.Credentials().Held(account)
	if !c.Alive {
		return keeper.Credential{}, false, nil
	}
	c.RefreshToken = secret.String{}
	return c, true, h.keeper.Credentials().NoteRead(audit.Reading{
		Account: account, Format: format, Generation: c.Generation, Remote: h.remote(r),
	})
}

// trouble answers what is not the reader's fault. The reason is for the log:
// the reader may be anybody with a password.
func (h *Handler) trouble(w http.ResponseWriter, format string, err error) {
	h.log.Error().Str("format", format).Str("reason", err.Error()).Msg("a credential could not be given")
	unavailable(w)
}

// unavailable is the answer while there is no living credential, too: the
// reader keeps what it has and comes again.
func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "60")
	refuse(w, http.StatusServiceUnavailable)
}

func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }

func reply(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// equal compares in a time that tells neither the content nor the length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func checkSecret(s secret.String) error {
	if len(s.Reveal()) < minSecret {
		return fmt.Errorf("its password is shorter than %d characters", minSecret)
	}
	if strings.TrimSpace(s.Reveal()) != s.Reveal() {
		return errors.New("its password begins or ends with white space")
	}
	return nil
}
