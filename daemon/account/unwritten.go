package account

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Unwritten keeps what the site gave and could not be written, because the account was
// another host's by then or the vault could not be reached: one sealed file an account,
// readable by the keeper's user alone, that is on disk when the call returns. It is
// written to the vault when this host looks after the account again, or handed to the one
// that does, as long as nothing was written since that it would undo.
type Unwritten struct {
	dir string
	// key is the vault's, and asked for when it is needed: the vault may not answer yet
	// when the keeper starts.
	key func() ([]byte, error)
	put store.Signal
}

// NewUnwritten keeps files in a directory, which is made when there is something to
// keep. key returns what they are sealed with, of 32 bytes.
func NewUnwritten(dir string, key func() ([]byte, error)) *Unwritten {
	return &Unwritten{dir: dir, key: key}
}

// NewUnwrittenKey makes a key for the files.
func NewUnwrittenKey() []byte {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key)
	return key
}

// Wait returns a channel that is closed when something more is kept.
func (u *Unwritten) Wait() <-chan struct{} { return u.put.Wait() }

// Of are those of some accounts of which something is kept.
func (u *Unwritten) Of(accounts func(yield func(string) bool)) (kept []string) {
	files, err := os.ReadDir(u.dir)
	if err != nil || len(files) == 0 {
		return nil
	}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name()] = true
	}
	for account := range accounts {
		if there[filepath.Base(u.file(account))] {
			kept = append(kept, account)
		}
	}
	return kept
}

// Forget removes what is kept of an account, if that is still the same.
func (u *Unwritten) Forget(account string, kept []byte) error {
	now, err := u.Get(account)
	if err != nil || now == nil || !bytes.Equal(now, kept) {
		return err
	}
	return u.remove(account)
}

func (u *Unwritten) file(account string) string {
	sum := sha256.Sum256([]byte(account))
	return filepath.Join(u.dir, hex.EncodeToString(sum[:16])+".sealed")
}

// about binds a file to its account.
func about(account string) []byte { return []byte("unwritten 1 " + account) }

func (u *Unwritten) cipher() (cipher.AEAD, error) {
	key, err := u.key()
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}

func (u *Unwritten) keep(account string, data []byte) error {
	c, err := u.cipher()
	if err == nil {
		err = durable.MkdirAll(u.dir, 0o700)
	}
	if err != nil {
		return err
	}
	nonce := make([]byte, c.NonceSize())
	_, _ = rand.Read(nonce)
	if err := durable.WriteFile(u.file(account), c.Seal(nonce, nonce, data, about(account)), 0o600); err != nil {
		return err
	}
	u.put.Fire()
	return nil
}

// Get returns what is kept of an account, nil where nothing is.
func (u *Unwritten) Get(account string) ([]byte, error) {
	sealed, err := os.ReadFile(u.file(account))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := u.cipher()
	if err != nil {
		return nil, err
	}
	if len(sealed) < c.NonceSize() {
		return nil, errDamaged
	}
	data, err := c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], about(account))
	if err != nil {
		return nil, errDamaged
	}
	return data, nil
}

// errDamaged is a file that was changed, or belongs to another vault.
var errDamaged = errors.New("the file of what could not be written is damaged, or of another vault")

// remove forgets what was kept of an account.
func (u *Unwritten) remove(account string) error {
	err := os.Remove(u.file(account))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncDir(u.dir)
	}
	return err
}

// keepAfter is how long a commit may take before what the site gave is kept in a file as
// well: one that was sent and is not answered does not return.
const keepAfter = time.Second

// keepMeanwhile keeps a record that is about to be written, if that takes long. over comes
// once it has come to an end, and reports whether something is kept.
func (w Ownership) keepMeanwhile(data []byte) (over func() bool) {
	if data == nil {
		return func() bool { return false }
	}
	done, kept := make(chan struct{}), make(chan bool, 1)
	go func() {
		long := time.NewTimer(keepAfter)
		defer long.Stop()
		select {
		case <-done:
			kept <- false
			return
		case <-long.C:
		}
		err := w.Unwritten.keep(w.name, data)
		if err != nil {
			w.log().Error().Err(err).Msg("the file of what could not be written")
		}
		kept <- err == nil
	}()
	return func() bool { close(done); return <-kept }
}

// keepUnwritten keeps a record that could not be written for a reason, where the site
// gave something that is in no other, and forgets it where it was written in the end. It
// reports whether something is kept.
func (w Ownership) keepUnwritten(next *store.Record, events []client.EventData, reason error) bool {
	var err error
	switch {
	case reason == nil:
		err = w.Unwritten.remove(w.name)
	case !gives(next, w.rec):
		return false
	default:
		var data []byte
		if data, err = next.Unwritten(events); err == nil {
			err = w.Unwritten.keep(w.name, data)
		}
		if err == nil {
			w.log().Warn().Err(reason).Msg("what the site gave could not be written; it is kept in a file until it can")
			return true
		}
	}
	if err != nil {
		w.log().Error().Err(err).Msg("the file of what could not be written")
	}
	return false
}

// dropUnwritten forgets what could not be written of an account that is gone.
func (w Ownership) dropUnwritten() {
	if err := w.Unwritten.remove(w.name); err != nil {
		w.log().Warn().Err(err).Msg("the file of what could not be written is left")
	}
}

// gives reports whether a record has a credential that another has not.
func gives(next, was *store.Record) bool {
	return !reflect.DeepEqual(next.Credential, was.Credential) ||
		len(next.StagedGrant.Cookies) > 0 && !reflect.DeepEqual(next.StagedGrant, was.StagedGrant) ||
		len(next.Spare.Cookies) > 0 && !reflect.DeepEqual(next.Spare, was.Spare)
}

// writeUnwritten writes what could not be written before, if the record is still the
// one that it was made on top of. Anything else about it waits until the site can be
// asked; see [Ownership.TakeBack].
func (w Ownership) writeUnwritten() error {
	data, err := w.Unwritten.Get(w.name)
	if errors.Is(err, errDamaged) {
		file := w.Unwritten.file(w.name)
		w.Problems.Set("account "+w.name, fmt.Errorf("%w: %s", err, file))
		w.log().Error().Err(err).Str("file", file).Msg("left as it is")
		return nil
	}
	if err != nil || data == nil {
		return err
	}
	next, events, err := store.ReadUnwritten(data)
	if err != nil || next.Revision != w.rec.Revision {
		return err
	}
	if err := w.commit(next, events); err != nil {
		return err
	}
	return w.Unwritten.remove(w.name)
}

// gift is the credential in a record that was not in the one before.
func gift(r *store.Record) passport.Grant {
	switch {
	case len(r.StagedGrant.Cookies) > 0:
		return r.StagedGrant
	case len(r.Spare.Cookies) > 0:
		return r.Spare
	}
	return r.Credential
}

// has reports whether a record holds the session of a grant.
func has(r *store.Record, g passport.Grant) bool {
	session := cookie.Value(g.Cookies, "SESSDATA").Reveal()
	if session == "" {
		return false
	}
	for _, one := range []passport.Grant{r.Credential, r.StagedGrant, r.Spare} {
		if cookie.Value(one.Cookies, "SESSDATA").Reveal() == session {
			return true
		}
	}
	return false
}
