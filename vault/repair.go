package vault

import (
	"errors"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
)

// Repaired says what a repair came to.
type Repaired struct {
	// Whole is true where nothing was damaged, and nothing was changed.
	Whole bool
	// Aside is the damaged file, which stays.
	Aside   string
	Details Details
	// Damage says in sentences what could not be read.
	Damage []string
	// Lost are the records that are gone, Older those of which only an earlier state
	// was left, Loose those that nothing led to any more: it is not known whether they
	// had been removed. All as kind/key.
	Lost, Older, Loose []string
	// Unnamed is how many more records are gone.
	Unnamed int
	// LostEntries is how many entries of the journal are gone.
	LostEntries int
}

// Repair reads what is left of a damaged vault, writes every record and entry that
// still opens into a new one, and puts that in its place. The damaged file stays
// beside it. Nothing is taken that is not proven by its seal. Nobody may use the
// vault.
func Repair(o Options) (Repaired, error) {
	const op = "repair"
	o.Existing = true
	o, err := o.complete()
	if err != nil {
		return Repaired{}, err
	}
	r, damage := asItIs(o)
	if damage == nil || !repairable(damage) {
		return r, damage
	}
	r = Repaired{Damage: []string{damage.Error()}}
	w, err := bolt.OpenWreck(o.Path, o.LockTimeout)
	if err != nil {
		return Repaired{}, err
	}
	defer w.Close()
	s := newSalvage(o)
	if err := s.read(w, damage); err != nil {
		return Repaired{}, err
	}
	temp := durable.TempName(o.Path)
	defer func() { _ = os.Remove(temp) }()
	if err := bolt.Build(op, temp, o.Path, s.build); err != nil {
		return Repaired{}, err
	}
	if err := checkCopy(temp, s.seal); err != nil {
		return Repaired{}, err
	}
	aside := o.Path + ".damaged-" + time.Now().UTC().Format(asideTime)
	r.Damage = append(r.Damage, w.Damage...)
	if err := w.ReplaceBy(op, temp, aside); err != nil {
		return Repaired{}, err
	}
	s.tell(&r)
	r.Aside = aside
	r.Details, err = Inspect(o)
	return r, err
}

// asItIs opens a vault that is not damaged, or only its journal is.
func asItIs(o Options) (r Repaired, err error) {
	o.Lost = nil // what was there stays beside the new vault, also where the journal alone is damaged
	v, err := Open(o)
	if err != nil {
		return r, err
	}
	err = v.Verify()
	if err == nil {
		r.Details, err = v.Details()
	}
	r.Whole, r.Damage = err == nil, v.Info().Damage
	if cerr := v.Close(); err == nil {
		err = cerr
	}
	return r, err
}

// repairable reports whether an error may be damage. A slot that was damaged looks
// like a wrong key, a number that was like a newer program's.
func repairable(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrWrongKey) || errors.Is(err, ErrNewerSchema)
}
