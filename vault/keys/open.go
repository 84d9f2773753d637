package keys

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/secretfile"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// ErrNotGiven is what the functions of [Sources] return where nobody can be
// asked.
var ErrNotGiven = errors.New("not given")

// Sources say where secrets can be had that open a vault, beside its key file.
// The zero value knows none.
type Sources struct {
	// Credentials is the directory in which the service manager puts this
	// process's credentials, "" where there is none.
	Credentials string
	// Dir is the vault's directory. To root, the keeper's user is the one to whom it
	// belongs.
	Dir string
	// Passphrase and Recovery ask for what a person has. They are called once
	// at most, where a slot of the kind is there and nothing before it opened
	// the vault.
	Passphrase, Recovery func() (secret.String, error)
}

// Open unwraps the data key with the first slot that can be opened, those first
// that need no person, and returns that slot's id. A secret that is open to
// others ends it: that has to be known, even where another slot opens.
func (s Sources) Open(path, keyFile string, slots []Slot, vaultID []byte) (dataKey []byte, opened string, err error) {
	s.Passphrase, s.Recovery = once(s.Passphrase), once(s.Recovery)
	a := &attempts{path: path}
	for _, kind := range []string{KindKeyFile, KindFile, KindPassphrase, KindRecovery} {
		for _, slot := range slots {
			if slot.Kind != kind {
				continue
			}
			key, err := s.secretOf(slot, keyFile)
			if err == nil {
				if dataKey, err = slot.unwrap(key, vaultID); err == nil {
					return dataKey, slot.ID, nil
				}
				err = fault.New("open", path, fmt.Errorf("%w (%s)", fault.ErrWrongKey, slot.source(keyFile)))
			}
			if !errors.Is(err, fault.ErrKeyMissing) && !errors.Is(err, fault.ErrWrongKey) && !errors.Is(err, ErrNotGiven) && !errors.Is(err, ErrRecoveryText) {
				return nil, "", err
			}
			a.add(slot, keyFile, err)
		}
	}
	return nil, "", a.err()
}

// once asks a person one time, however many slots there are.
func once(ask func() (secret.String, error)) func() (secret.String, error) {
	asked, text, err := false, secret.String{}, ErrNotGiven
	return func() (secret.String, error) {
		if !asked && ask != nil {
			text, err = ask()
		}
		if !asked && errors.Is(err, ErrNotGiven) {
			err = fault.New("open", "", fault.Join(fault.ErrKeyMissing, ErrNotGiven))
		}
		asked = true
		return text, err
	}
}

// secretOf gets the secret of a slot.
func (s Sources) secretOf(slot Slot, keyFile string) ([]byte, error) {
	ask := s.Recovery
	switch slot.Kind {
	case KindKeyFile:
		return readKeyFile(keyFile, s.reader())
	case KindFile:
		return s.readSource(string(slot.Params))
	case KindPassphrase:
		ask = s.Passphrase
	}
	text, err := ask()
	if err != nil {
		return nil, err
	}
	return slot.parse(text)
}

// reader is who reads the files of secrets.
func (s Sources) reader() secretfile.Reader { return secretfile.For(s.Dir, s.Credentials) }

// parse turns a text that a person gave into the secret of a slot.
func (s Slot) parse(text secret.String) ([]byte, error) {
	switch s.Kind {
	case KindKeyFile:
		return parseKeyFile([]byte(text.Reveal()))
	case KindFile:
		return fileKey([]byte(text.Reveal()))
	case KindRecovery:
		key, err := parseRecovery(text.Reveal())
		if err != nil {
			return nil, fault.New("open", "", fault.Join(fault.ErrWrongKey, err))
		}
		return key, nil
	case KindPassphrase:
		k, err := parseKDF(s.Params)
		if err != nil {
			return nil, err
		}
		return k.key(text.Reveal()), nil
	}
	return nil, fmt.Errorf("%w: kind %q is not known here", fault.ErrWrongKey, s.Kind)
}

// source names for people where the secret of a slot is.
func (s Slot) source(keyFile string) string {
	switch s.Kind {
	case KindKeyFile:
		return keyFile
	case KindFile:
		return string(s.Params)
	case KindPassphrase:
		return "the passphrase"
	}
	return "the recovery key"
}

// attempts collects what was tried in vain.
type attempts struct {
	path  string
	names []string
	errs  []error
}

func (a *attempts) add(s Slot, keyFile string, err error) {
	name := s.source(keyFile)
	switch s.Kind {
	case KindKeyFile:
		name = "the key file " + name
	case KindFile:
		name = "the file " + name
	}
	if !slices.Contains(a.names, name) {
		a.names, a.errs = append(a.names, name), append(a.errs, err)
	}
}

// err says all that was tried. One try alone speaks for itself.
func (a *attempts) err() error {
	if len(a.errs) == 1 {
		return a.errs[0]
	}
	outcome := fault.ErrKeyMissing
	texts := make([]string, len(a.errs))
	for i, err := range a.errs {
		word := "does not open it"
		switch {
		case errors.Is(err, ErrRecoveryText):
			outcome, word = fault.ErrWrongKey, "has a letter missing or wrong"
		case errors.Is(err, ErrNotGiven):
			word = "not given"
		case errors.Is(err, errNoCredentials):
			word = errNoCredentials.Error()
		case errors.Is(err, fault.ErrKeyMissing):
			word = "missing"
		default:
			outcome = fault.ErrWrongKey
		}
		texts[i] = a.names[i] + " (" + word + ")"
	}
	text := "no slot has a secret that can be had here"
	if len(texts) > 0 {
		text = "tried " + strings.Join(texts, ", ")
	}
	return fault.New("open", a.path, fmt.Errorf("%w: %s", outcome, text))
}
