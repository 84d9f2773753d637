package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/netip"

	"golang.org/x/crypto/argon2"

	"github.com/bilikeeper/bilikeeper/internal/lockout"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Argon2id as OWASP recommends it: 19 MiB, two passes.
const (
	argonTime   = 2
	usualMemory = 19 << 10
	argonKey    = 32
	// atOnce bounds the memory that passwords to be hashed take.
	atOnce = 2
	// maxPassword is far above what anybody types.
	maxPassword = 1 << 10
)

// password is the hash of the password, and who has guessed at it.
type password struct {
	memory     uint32 // in KiB
	salt, hash []byte
	guesses    lockout.Lockout
	hashing    chan struct{}
}

// newPassword hashes a password, with a salt where there is one; nil is none.
func newPassword(text secret.String, memory uint32, salt []byte) *password {
	if text.IsZero() {
		return nil
	}
	if len(salt) == 0 {
		salt = make([]byte, 16)
		_, _ = rand.Read(salt) // never fails: the program ends where there is no randomness
	}
	p := &password{memory: cmp.Or(memory, usualMemory), salt: salt, hashing: make(chan struct{}, atOnce)}
	p.hash = p.of(text.Reveal())
	return p
}

func (p *password) of(text string) []byte {
	return argon2.IDKey([]byte(text), p.salt, argonTime, p.memory, 1, argonKey)
}

// attempt compares a client's password.
func (p *password) attempt(ctx context.Context, client netip.Prefix, text string) lockout.Verdict {
	if len(text) > maxPassword {
		text = ""
	}
	return p.guesses.Attempt(ctx, client, "password", func() bool {
		select {
		case p.hashing <- struct{}{}:
			defer func() { <-p.hashing }()
		case <-ctx.Done():
			return false
		}
		return subtle.ConstantTimeCompare(p.of(text), p.hash) == 1
	})
}
