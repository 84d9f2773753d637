package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/lockout"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	linkLife    = 10 * time.Minute
	sessionLife = 30 * 24 * time.Hour
	maxLinks    = 32
	maxSessions = 64
	// record is what the sessions are kept under, among the keeper's secrets.
	record = "page sessions"
)

// sum is what is kept of what a browser holds.
type sum [sha256.Size]byte

func (s sum) text() string { return hex.EncodeToString(s[:]) }

// Options are what signing in depends on.
type Options struct {
	// Address is what links start with, without a slash at its end.
	Address string
	// Password may be none; there are links only then.
	Password secret.String
	// Shared is true where browsers may come to other hosts as well: links work there,
	// too.
	Shared bool
	// Memory is how many KiB the hash of one attempt takes, 0 for as many as make
	// guessing slow. Tests of many attempts take few.
	Memory uint32
}

// SignIn keeps the sessions of browsers.
type SignIn struct {
	store    *store.Store
	address  string
	password *password
	shared   bool
	// stale is true where the vault has others than sessions has.
	stale atomic.Bool

	mu       sync.Mutex // guards what follows, and is held while sessions are saved
	links    map[sum]time.Time
	sessions map[sum]*kept
	// ended are those that were ended here, whatever the vault has.
	ended map[sum]bool
}

// Visitor is whose browser it is, as far as a request says.
type Visitor struct {
	Address netip.Addr
	// Browser is what it calls itself.
	Browser string
}

// HasPassword reports whether a password signs in, beside links.
func (s *SignIn) HasPassword() bool { return s.password != nil }

// Reached says what links start with from now on: the port of a listener may be
// chosen by the system.
func (s *SignIn) Reached(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
}

// Link makes a link that signs one browser in.
func (s *SignIn) Link() client.PageLink {
	token, expires := random(), time.Now().Add(linkLife).UTC().Truncate(time.Second)
	key := sum(sha256.Sum256([]byte(token)))
	s.mu.Lock()
	defer s.mu.Unlock()
	link := client.PageLink{URL: s.address + "/sign-in/" + token, ExpiresAt: expires}
	if s.shared && s.change(func(all *saved) bool {
		addLink(all.Links, key.text(), expires)
		return true
	}) == nil {
		return link
	}
	addLink(s.links, key, expires) // where the others cannot be told, it works on this host
	return link
}

func addLink[K comparable](links map[K]time.Time, key K, expires time.Time) {
	now := time.Now()
	maps.DeleteFunc(links, func(_ K, until time.Time) bool { return !now.Before(until) })
	for len(links) >= maxLinks {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(links)), func(a, b K) int { return links[a].Compare(links[b]) })
		delete(links, oldest)
	}
	links[key] = expires
}

// Redeem begins a session for who has a link, which does not work again. cookie is
// what the browser is to hold; it is "" where the link does not work.
func (s *SignIn) Redeem(token string, v Visitor) (cookie string, err error) {
	key := sum(sha256.Sum256([]byte(token)))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	until, own := s.links[key]
	delete(s.links, key)
	own = own && now.Before(until)
	return s.begin(client.SignedInByLink, v, func(all *saved) bool {
		until, ok := all.Links[key.text()]
		delete(all.Links, key.text())
		return own || ok && now.Before(until)
	})
}

// Password begins a session for who knows the password.
func (s *SignIn) Password(ctx context.Context, network netip.Prefix, text string, v Visitor) (cookie string, verdict lockout.Verdict, err error) {
	if s.password == nil {
		return "", lockout.Wrong, nil
	}
	if verdict = s.password.attempt(ctx, network, text); verdict != lockout.Right {
		return "", verdict, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, err = s.begin(client.SignedInByPassword, v, func(*saved) bool { return true })
	return cookie, verdict, err
}

// begin adds a session, unless may says no; the cookie is "" then. The caller holds the
// lock.
func (s *SignIn) begin(method string, v Visitor, may func(all *saved) bool) (string, error) {
	cookie, now := random(), time.Now().UTC().Truncate(time.Second)
	key, began := sum(sha256.Sum256([]byte(cookie))), false
	err := s.change(func(all *saved) bool {
		if began = may(all); !began {
			return false
		}
		for len(all.Sessions) >= maxSessions {
			oldest := slices.MinFunc(slices.Collect(maps.Keys(all.Sessions)), func(a, b string) int { return all.Sessions[a].Seen.Compare(all.Sessions[b].Seen) })
			delete(all.Sessions, oldest)
		}
		all.Sessions[key.text()] = &kept{ID: hex.EncodeToString(key[:4]), Created: now, Seen: now, Expires: now.Add(sessionLife), Method: method,
			Address: address(v.Address), Browser: plain(v.Browser)}
		return true
	})
	if err != nil || !began {
		return "", err
	}
	return cookie, nil
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// plain is what a browser calls itself, fit for a terminal.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > 160 {
		text = string(runes[:160])
	}
	return text
}

// Session returns the id of the session that a browser holds, "" where there is
// none that lives.
func (s *SignIn) Session(cookie string) (id string) {
	if cookie == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
	now := time.Now()
	found := s.sessions[sha256.Sum256([]byte(cookie))]
	if found == nil || !now.Before(found.Expires) {
		return ""
	}
	found.Seen = now.UTC().Truncate(time.Second)
	return found.ID
}

// Sessions lists who is signed in, who came last first.
func (s *SignIn) Sessions() []client.PageSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
	s.prune(time.Now())
	list := []client.PageSession{}
	for _, k := range s.sessions {
		list = append(list, client.PageSession{ID: k.ID, CreatedAt: k.Created, SeenAt: k.Seen, ExpiresAt: k.Expires,
			Method: k.Method, Address: k.Address, Browser: k.Browser})
	}
	slices.SortFunc(list, func(a, b client.PageSession) int {
		if c := b.SeenAt.Compare(a.SeenAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Revoke ends a session by its id. The problem is not-found where there is none.
func (s *SignIn) Revoke(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
	for key, session := range s.sessions {
		if session.ID == id {
			return s.end(key)
		}
	}
	return &client.Problem{Type: client.ProblemNotFound, Detail: fmt.Sprintf("no browser is signed in as session %q", id),
		Hint: "bilikeeper page sessions lists them"}
}

// SignOut ends the session that a browser holds.
func (s *SignIn) SignOut(cookie string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
	key := sum(sha256.Sum256([]byte(cookie)))
	if s.sessions[key] == nil {
		return nil
	}
	return s.end(key)
}

// end drops a session here, whatever becomes of the vault's copy. The caller holds
// the lock.
func (s *SignIn) end(key sum) error {
	delete(s.sessions, key)
	s.ended[key] = true
	return s.change(func(all *saved) bool { return true })
}

// prune drops what has ended. The caller holds the lock.
func (s *SignIn) prune(now time.Time) {
	maps.DeleteFunc(s.sessions, func(_ sum, k *kept) bool { return !now.Before(k.Expires) })
}

// Proof is what the forms of a session's documents bring back: only who has read
// one can know it.
func Proof(cookie string) string {
	digest := sha256.Sum256([]byte("bilikeeper page form " + cookie))
	return base64.RawURLEncoding.EncodeToString(digest[:18])
}

// Proves reports whether a form brings a session's proof.
func Proves(cookie, proof string) bool {
	return cookie != "" && subtle.ConstantTimeCompare([]byte(Proof(cookie)), []byte(proof)) == 1
}

// random has 256 bits.
func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: the program ends where there is no randomness
	return base64.RawURLEncoding.EncodeToString(raw)
}
