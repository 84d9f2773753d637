package page

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// errNoLink is every reason for which a token does not count. Nobody outside
// is told which.
var errNoLink = errors.New("no such link")

const (
	tokenVersion = 1
	// viewVersion is that of what names a reader, which is no link.
	viewVersion = 2
	// maxToken is far above what seal makes of the longest names.
	maxToken = 1024
	// padTo hides how long an account's name is.
	padTo = 64
)

// claim is what a link stands for.
type claim struct {
	account, subject string
	until            time.Time
}

// sealer turns claims into tokens and back. Nothing has to be remembered for
// it: who holds a token holds a claim that this keeper has made.
//
// A token is base64url of version, nonce, and the claim sealed with
// XChaCha20-Poly1305, whose tag of 128 bits is compared in constant time. The
// nonce is a MAC of the claim, so that the same claim gives the same link on
// every try of a message, and no nonce serves two claims.
type sealer struct {
	aead            cipher.AEAD
	nonceKey, proof []byte
}

func newSealer(key []byte) (sealer, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "bilikeeper login page v1", 96)
	if err != nil {
		return sealer{}, err
	}
	aead, err := chacha20poly1305.NewX(derived[:32])
	return sealer{aead: aead, nonceKey: derived[32:64], proof: derived[64:]}, err
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

func (s sealer) seal(c claim) string { return s.sealAs(tokenVersion, c) }

func (s sealer) sealAs(version byte, c claim) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(c.until.Unix()))
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(c.account)))
	plain = append(plain, c.account...)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(c.subject)))
	plain = append(plain, c.subject...)
	plain = append(plain, make([]byte, (padTo-len(plain)%padTo)%padTo)...)

	named := plain
	if version != tokenVersion {
		named = append([]byte{version}, plain...)
	}
	nonce := mac(s.nonceKey, named)[:chacha20poly1305.NonceSizeX]
	token := append([]byte{version}, nonce...)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(token, nonce, plain, token[:1]))
}

// open returns the claim of a token that this keeper made and that has not
// expired.
func (s sealer) open(token string) (claim, error) { return s.openAs(tokenVersion, token) }

func (s sealer) openAs(version byte, token string) (claim, error) {
	if len(token) > maxToken {
		return claim{}, errNoLink
	}
	// Strict refuses a second spelling of the same bytes: limits count by the
	// token's text.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+chacha20poly1305.NonceSizeX || raw[0] != version {
		return claim{}, errNoLink
	}
	nonce, sealed := raw[1:1+chacha20poly1305.NonceSizeX], raw[1+chacha20poly1305.NonceSizeX:]
	plain, err := s.aead.Open(nil, nonce, sealed, raw[:1])
	if err != nil || len(plain) < 8 {
		return claim{}, errNoLink
	}
	c := claim{until: time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)}
	rest := plain[8:]
	for _, field := range []*string{&c.account, &c.subject} {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return claim{}, errNoLink
		}
		n := int(binary.BigEndian.Uint16(rest))
		*field, rest = string(rest[2:2+n]), rest[2+n:]
	}
	if !time.Now().Before(c.until) {
		return claim{}, errNoLink
	}
	return c, nil
}

// formProof is what the page puts into its form: only who has read the page can
// send it back.
func (s sealer) formProof(token string) string {
	return base64.RawURLEncoding.EncodeToString(mac(s.proof, []byte("form "+token))[:16])
}

func (s sealer) proves(token, proof string) bool {
	return hmac.Equal([]byte(s.formProof(token)), []byte(proof))
}

// label tells two codes apart without saying anything about them.
func (s sealer) label(content string) string {
	return base64.RawURLEncoding.EncodeToString(mac(s.proof, []byte("code "+content))[:6])
}
