package vault

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// ErrNotGiven is what the functions of [Keys] return where nobody can be asked.
var ErrNotGiven = errors.New("not given")

// Keys say where secrets can be had that open a vault, beside its key file. The
// zero value knows none.
type Keys struct {
	// Credentials is the directory in which the service manager puts this
	// process's credentials, "" where there is none.
	Credentials string
	// Passphrase and Recovery ask for what a person has. They are called once
	// at most, where a slot of the kind is there and nothing before it opened
	// the vault.
	Passphrase, Recovery func() (secret.String, error)
}

// attempts collects what was tried in vain.
type attempts struct {
	path  string
	tried []attempt
}

type attempt struct {
	what string
	err  error
}

func (a *attempts) add(what string, err error) {
	if !slices.ContainsFunc(a.tried, func(t attempt) bool { return t.what == what }) {
		a.tried = append(a.tried, attempt{what, err})
	}
}

// err says all that was tried. One try alone speaks for itself.
func (a *attempts) err() error {
	outcome := ErrKeyMissing
	if len(a.tried) == 1 {
		return a.tried[0].err
	}
	texts := make([]string, 0, len(a.tried))
	for _, t := range a.tried {
		word := "does not open it"
		switch {
		case errors.Is(t.err, ErrRecoveryText):
			outcome, word = ErrWrongKey, "has a letter missing or wrong"
		case errors.Is(t.err, ErrNotGiven):
			word = "not given"
		case errors.Is(t.err, errNoCredentials):
			word = errNoCredentials.Error()
		case errors.Is(t.err, ErrKeyMissing):
			word = "missing"
		default:
			outcome = ErrWrongKey
		}
		texts = append(texts, t.what+" ("+word+")")
	}
	text := "no slot has a secret that can be had here"
	if len(texts) > 0 {
		text = "tried " + strings.Join(texts, ", ")
	}
	return &Error{Op: "open", Path: a.path, Err: fmt.Errorf("%w: %s", outcome, text)}
}

// open tries the slots, those first that need no person. A secret that lies
// open to others ends it: that has to be known, even where another opens.
func (k Keys) open(path, keyFile string, slots []Slot, vaultID []byte) (dataKey []byte, opened string, err error) {
	a := &attempts{path: path}
	for _, kind := range []string{SlotKeyFile, SlotFile, SlotPassphrase, SlotRecovery} {
		var ofKind []Slot
		for _, s := range slots {
			if s.Kind == kind {
				ofKind = append(ofKind, s)
			}
		}
		if len(ofKind) == 0 {
			continue
		}
		dataKey, opened, err = k.openKind(a, kind, keyFile, ofKind, vaultID)
		if err != nil || dataKey != nil {
			return dataKey, opened, err
		}
	}
	return nil, "", a.err()
}

func (k Keys) openKind(a *attempts, kind, keyFile string, slots []Slot, vaultID []byte) ([]byte, string, error) {
	secretOf, what := k.secrets(kind, keyFile)
	for _, s := range slots {
		text, err := secretOf(s)
		if err == nil {
			var dataKey []byte
			if dataKey, err = s.unwrap(text, vaultID); err == nil {
				return dataKey, s.ID, nil
			}
			err = &Error{Op: "open", Path: a.path, Err: fmt.Errorf("%w (%s)", ErrWrongKey, what(s))}
		}
		if !errors.Is(err, ErrKeyMissing) && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrNotGiven) && !errors.Is(err, ErrRecoveryText) {
			return nil, "", err
		}
		a.add(a.name(kind, what(s)), err)
	}
	return nil, "", nil
}

func (a *attempts) name(kind, what string) string {
	switch kind {
	case SlotKeyFile:
		return "the key file " + what
	case SlotFile:
		return "the file " + what
	}
	return what
}

// secrets returns what gets the secret of a slot of a kind, and what names it.
func (k Keys) secrets(kind, keyFile string) (secretOf func(Slot) ([]byte, error), what func(Slot) string) {
	named := func(text string) func(Slot) string { return func(Slot) string { return text } }
	switch kind {
	case SlotKeyFile:
		return func(Slot) ([]byte, error) { return readKeyFile(keyFile) }, named(keyFile)
	case SlotFile:
		return func(s Slot) ([]byte, error) { return k.readSource(string(s.Params)) }, func(s Slot) string { return string(s.Params) }
	case SlotPassphrase:
		ask := once(k.Passphrase)
		return func(s Slot) ([]byte, error) {
			text, err := ask()
			if err != nil {
				return nil, err
			}
			return s.personal(text)
		}, named("the passphrase")
	}
	ask := once(k.Recovery)
	return func(s Slot) ([]byte, error) {
		text, err := ask()
		if err != nil {
			return nil, err
		}
		return s.personal(text)
	}, named("the recovery key")
}

// once asks a person one time, however many slots there are.
func once(ask func() (secret.String, error)) func() (secret.String, error) {
	asked, text, err := false, secret.String{}, error(nil)
	return func() (secret.String, error) {
		if asked {
			return text, err
		}
		asked = true
		if ask == nil {
			err = ErrNotGiven
		} else {
			text, err = ask()
		}
		if errors.Is(err, ErrNotGiven) {
			err = &Error{Op: "open", Err: joinCause(ErrKeyMissing, ErrNotGiven)}
		}
		return text, err
	}
}

// personal turns what a person typed into the secret of a slot.
func (s Slot) personal(text secret.String) ([]byte, error) {
	if s.Kind == SlotRecovery {
		key, err := parseRecovery(text.Reveal())
		if err != nil {
			return nil, &Error{Op: "open", Err: joinCause(ErrWrongKey, err)}
		}
		return key, nil
	}
	how, err := parseStretch(s.Params)
	if err != nil {
		return nil, err
	}
	return how.key(text.Reveal()), nil
}
