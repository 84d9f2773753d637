package etcd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// The keys in etcd, behind the prefix. They never change.
const (
	keyMeta  = "meta"   // in the clear: schema, id of the vault
	keyHead  = "jhead"  // where the journal begins and ends
	dirSlots = "slots/" // the data key, wrapped
	dirKinds = "k/"     // which records of a kind there are
	dirRec   = "r/"     // records
	dirEntry = "j/"     // entries of the journal
	dirMark  = "m/"     // what came of a host's last transaction
)

// The purposes of what is sealed. They never change.
const (
	purposeRecord  = "bilikeeper etcd record 1"
	purposeMembers = "bilikeeper etcd members 1"
	purposeHead    = "bilikeeper etcd head 1"
	purposeEntry   = "bilikeeper etcd entry 1"
	purposeLocal   = "bilikeeper etcd local 1"
	useNames       = "bilikeeper etcd names 1"
	useMembers     = "bilikeeper etcd sums 1"
)

var errForm = errors.New("its form is not known")

// sealed makes and opens what lies in etcd, under the data key. Everything is bound to its
// key and to the version that etcd gives it there: how often the key was written since
// it is there. What was moved, or put back under another version, does not open.
type sealed struct {
	*seal.Sealer
	names, sums []byte
	clear       func(kind string) bool
}

func newSealed(s *seal.Sealer, clear func(kind string) bool) (sealed, error) {
	names, err := s.Key(useNames)
	if err != nil {
		return sealed{}, err
	}
	sums, err := s.Key(useMembers)
	return sealed{s, names, sums, clear}, err
}

func dirOf(kind string) string     { return dirRec + url.PathEscape(kind) + "/" }
func membersOf(kind string) string { return dirKinds + url.PathEscape(kind) }
func entryName(id uint64) string   { return dirEntry + hex.EncodeToString(seal.Uint64(id)) }

// recordName is where a record lies.
func (s sealed) recordName(kind, key string) string {
	if s.clear(kind) {
		return dirOf(kind) + key
	}
	h := hmac.New(sha256.New, s.names)
	h.Write(seal.Bind(useNames, []byte(kind), []byte(key)))
	return dirOf(kind) + hex.EncodeToString(h.Sum(nil)[:16])
}

// kindOf reads the kind out of where a record lies, or what there is of a kind.
func kindOf(name string) (string, bool) {
	text, ok := strings.CutPrefix(name, dirKinds)
	if !ok {
		if text, ok = strings.CutPrefix(name, dirRec); ok {
			text, _, ok = strings.Cut(text, "/")
		}
	}
	kind, err := url.PathUnescape(text)
	return kind, ok && err == nil
}

func idOf(name string) (uint64, bool) {
	text := strings.TrimPrefix(name, dirEntry)
	id, err := strconv.ParseUint(text, 16, 64)
	return id, err == nil && len(text) == 16
}

func recordAt(kind, name string, version int64) seal.Position {
	return seal.At(purposeRecord, []byte(kind), []byte(name), seal.Uint64(uint64(version)))
}

func (s sealed) sealRecord(n uint64, kind, name, key string, version int64, created uint64, value []byte) []byte {
	plain := make([]byte, 0, 8+2+len(key)+len(value))
	plain = binary.BigEndian.AppendUint64(plain, created)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(key)))
	plain = append(append(plain, key...), value...)
	env := s.Seal(n, plain, recordAt(kind, name, version))
	clear(plain)
	return env
}

// opened is a record's envelope opened.
type opened struct {
	n, created uint64
	key        string
	value      []byte
}

func (s sealed) openRecord(kind, name string, version int64, env []byte) (o opened, err error) {
	var plain []byte
	if o.n, plain, err = s.Open(nil, env, recordAt(kind, name, version)); err != nil {
		return o, err
	}
	if len(plain) < 10 || len(plain) < 10+int(binary.BigEndian.Uint16(plain[8:])) {
		return o, errForm
	}
	o.created = binary.BigEndian.Uint64(plain)
	end := 10 + int(binary.BigEndian.Uint16(plain[8:]))
	o.key, o.value = string(plain[10:end]), plain[end:]
	return o, nil
}

// digest is what a record adds to the sum over its kind: that it is there, and since when.
func (s sealed) digest(kind, key string, created uint64) seal.Sum {
	h := hmac.New(sha256.New, s.sums)
	h.Write(seal.Bind(useMembers, []byte(kind), []byte(key), seal.Uint64(created)))
	return seal.Sum(h.Sum(nil))
}

func membersAt(kind string, version int64) seal.Position {
	return seal.At(purposeMembers, []byte(kind), seal.Uint64(uint64(version)))
}

func (s sealed) sealMembers(n uint64, kind string, version int64, sum seal.Sum) []byte {
	return s.Seal(n, sum[:], membersAt(kind, version))
}

func (s sealed) openMembers(kind string, version int64, env []byte) (n uint64, sum seal.Sum, err error) {
	n, plain, err := s.Open(nil, env, membersAt(kind, version))
	if err == nil && len(plain) != len(sum) {
		err = errForm
	}
	copy(sum[:], plain)
	return n, sum, err
}

// head is where the journal begins and ends: the oldest id, and the last one given out.
type head struct{ first, newest uint64 }

func headAt(version int64) seal.Position { return seal.At(purposeHead, seal.Uint64(uint64(version))) }

func (s sealed) sealHead(n uint64, version int64, h head) []byte {
	return s.Seal(n, append(seal.Uint64(h.first), seal.Uint64(h.newest)...), headAt(version))
}

func (s sealed) openHead(version int64, env []byte) (n uint64, h head, err error) {
	n, plain, err := s.Open(nil, env, headAt(version))
	if err == nil && len(plain) != 16 {
		err = errForm
	}
	if err != nil {
		return 0, h, err
	}
	h = head{binary.BigEndian.Uint64(plain), binary.BigEndian.Uint64(plain[8:])}
	if h.first == 0 || h.first > h.newest+1 {
		err = errForm
	}
	return n, h, err
}

// An id is given out once, so that its entry is bound to that alone.
func entryAt(id uint64) seal.Position { return seal.At(purposeEntry, seal.Uint64(id)) }

func localAt(kind, key string) seal.Position { return seal.At(purposeLocal, []byte(kind), []byte(key)) }
