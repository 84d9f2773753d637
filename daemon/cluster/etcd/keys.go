package etcd

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// sender is the sender's place among the accounts: the one without a name, which no
// account has. It is owned as they are.
const sender = ""

// keys makes the names of keys.
type keys struct{ prefix string }

func (k keys) hosts() string           { return k.prefix + "/hosts/" }
func (k keys) host(name string) string { return k.hosts() + name }
func (k keys) owners() string          { return k.prefix + "/owner/" }
func (k keys) sender() string          { return k.prefix + "/sender" }
func (k keys) mail(host string) string { return k.prefix + "/mail/" + host + "/" }
func (k keys) request(host, id string) string {
	return k.mail(host) + "q" + id
}

func (k keys) answer(host, id string) string {
	return k.mail(host) + "a" + id
}

// owner is the key that says who owns an account.
func (k keys) owner(account string) string {
	if account == sender {
		return k.sender()
	}
	return k.owners() + account
}

// account is which account a key is about.
func (k keys) account(key string) (account string, ok bool) {
	if key == k.sender() {
		return sender, true
	}
	account, ok = strings.CutPrefix(key, k.owners())
	return account, ok && account != sender
}

// NewSeal derives what [Options] are to seal with from the data key of the vault that
// all hosts share.
func NewSeal(dataKey, vaultID []byte) (cipher.AEAD, error) {
	return seal.AEAD(dataKey, vaultID, "bilikeeper cluster 1")
}

// box seals what hosts write for one another, bound to the key that it lies at and to
// what it is there: nothing that was sealed elsewhere opens in its place.
type box struct{ aead cipher.AEAD }

var errSeal = errors.New("what lies there was not sealed by a host of this cluster")

// What is sealed.
const (
	asPresence = "presence"
	asRequest  = "request"
	asAnswer   = "answer"
)

// bind is what an envelope at a key is bound to. number is what else it belongs to: a
// lease, or none.
func bind(as, key string, number int64) []byte {
	return seal.Bind("bilikeeper cluster 1", []byte(as), []byte(key), seal.Uint64(uint64(number)))
}

// seal joins what a head says with a body, and seals both.
func (b box) seal(as, key string, number int64, head any, body []byte) ([]byte, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	plain := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)+len(body)), uint32(len(text)))
	plain = append(append(plain, text...), body...)
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: the runtime ends the program instead
	return b.aead.Seal(nonce, nonce, plain, bind(as, key, number)), nil
}

// open reads an envelope into head, and returns the body.
func (b box) open(as, key string, number int64, envelope []byte, head any) (body []byte, err error) {
	if len(envelope) < b.aead.NonceSize() {
		return nil, errSeal
	}
	nonce, sealed := envelope[:b.aead.NonceSize()], envelope[b.aead.NonceSize():]
	plain, err := b.aead.Open(nil, nonce, sealed, bind(as, key, number))
	if err != nil || len(plain) < 4 {
		return nil, errSeal
	}
	size := binary.BigEndian.Uint32(plain)
	if uint64(size) > uint64(len(plain)-4) {
		return nil, errSeal
	}
	if err := json.Unmarshal(plain[4:4+size], head); err != nil {
		return nil, err
	}
	return plain[4+size:], nil
}
