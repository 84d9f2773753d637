package keeper

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

// Vault is where all is kept, as a whole.
type Vault struct{ keeper *Keeper }

// Vault returns the keeper's vault.
func (k *Keeper) Vault() Vault { return Vault{k} }

func (v Vault) vault() vault.Vault { return v.keeper.store.Vault() }

// errNoFile answers who asks for what only a file has.
var errNoFile = errors.New("the vault does not lie in a file here")

func (v Vault) file() (*vault.File, error) {
	if file, ok := v.vault().(*vault.File); ok {
		return file, nil
	}
	return nil, errNoFile
}

// Backup is a copy of the vault on its way out.
type Backup struct {
	Body   io.ReadCloser
	Size   int64
	SHA256 string // base64
	// Sent is called once all of it went out.
	Sent func()
}

// Info tells of the vault.
func (v Vault) Info() (client.VaultInfo, error) {
	file, err := v.file()
	var d vault.Details
	if err == nil {
		d, err = file.Details()
	} else {
		d, err = v.details()
	}
	if err != nil {
		return client.VaultInfo{}, account.StorageProblem(err)
	}
	return ShowVault(d), nil
}

// details are those of a vault that is no file.
func (v Vault) details() (vault.Details, error) {
	d := vault.Details{Info: v.vault().Info()}
	var last backedUp
	if _, err := v.keeper.store.Get(store.KindBackup, lastBackup, &last); err != nil {
		return d, err
	}
	d.BackedUp = last.At
	return d, v.vault().View(func(tx vault.Tx) error {
		first, err := tx.Events(tx.Oldest()-1, 1)
		if err != nil || len(first) == 0 {
			return err
		}
		last, err := tx.Events(tx.Newest()-1, 1)
		if err == nil && len(last) > 0 {
			d.FirstAt, d.LastAt = &first[0].Time, &last[0].Time
		}
		return err
	})
}

// ShowVault words a vault's details as they are on the wire.
func ShowVault(d vault.Details) client.VaultInfo {
	i := client.VaultInfo{
		Path: d.Path, ID: d.ID, Schema: d.Schema, CreatedAt: d.Created, Size: d.Size,
		FreePages: d.FreePages, PageSize: d.PageSize, Records: d.Records,
		Journal: client.VaultJournal{
			Count: d.Events, FirstID: d.FirstEvent, LastID: d.LastEvent, OldestAt: d.FirstAt, NewestAt: d.LastAt,
		},
		Slots: []client.VaultSlot{}, BackedUpAt: d.BackedUp, Aside: append([]string{}, d.Aside...),
	}
	for _, s := range d.Slots {
		i.Slots = append(i.Slots, ShowSlot(s))
	}
	return i
}

// ShowSlot words a slot as it is on the wire.
func ShowSlot(s vault.SlotInfo) client.VaultSlot {
	return client.VaultSlot{
		ID: s.ID, Kind: s.Kind, Label: s.Label, Source: s.Source, CreatedAt: s.Created, InUse: s.InUse, Unattended: s.Unattended(),
	}
}

// Verify reads all of the vault. Damage is an answer, not an error.
func (v Vault) Verify(context.Context) (client.VaultCheck, error) {
	err := v.vault().Verify()
	switch {
	case errors.Is(err, vault.ErrCorrupt):
		return client.VaultCheck{Detail: err.Error()}, nil
	case err != nil:
		return client.VaultCheck{}, account.StorageProblem(err)
	}
	return client.VaultCheck{OK: true}, nil
}

// Backup makes a copy, which is gone when the body is closed: beside the vault's file,
// and of one that lies elsewhere a file among those that are temporary.
func (v Vault) Backup(context.Context) (Backup, error) {
	var c vault.Copy
	file, err := v.file()
	if err == nil {
		c, err = file.Copy()
	} else {
		c, err = transfer.Copy(v.vault())
	}
	if err != nil {
		return Backup{}, account.StorageProblem(err)
	}
	f, err := os.Open(c.Path)
	if err != nil {
		c.Remove()
		return Backup{}, account.StorageProblem(err)
	}
	return Backup{
		Body: passingFile{f, f, c}, Size: c.Size, SHA256: base64.StdEncoding.EncodeToString(c.SHA256[:]),
		Sent: func() {
			if err := v.BackedUp(time.Now()); err != nil {
				v.keeper.log.Warn().Err(err).Msg("a backup was made, and could not be noted")
			}
		},
	}, nil
}

// backedUp is the record of when a copy was last made of a vault that is no file: such a
// file has it in itself.
type backedUp struct {
	At *time.Time `json:"at"`
}

const lastBackup = "last"

// BackedUp notes that a copy has arrived where it is kept.
func (v Vault) BackedUp(at time.Time) error {
	if file, err := v.file(); err == nil {
		return file.BackedUp(at)
	}
	at = at.UTC().Truncate(time.Second)
	return v.keeper.store.Keep(store.Small{Kind: store.KindBackup, Key: lastBackup, Value: backedUp{&at}})
}

type passingFile struct {
	io.Reader
	file *os.File
	copy vault.Copy
}

func (p passingFile) Close() error {
	err := p.file.Close()
	p.copy.Remove()
	return err
}

// AddSlot makes one more way to open the vault.
func (v Vault) AddSlot(_ context.Context, r client.VaultSlotRequest) (client.VaultSlotAdded, error) {
	s, key, err := v.vault().AddSlot(vault.NewSlot{
		Kind: r.Kind, Label: r.Label, Source: r.Source, Secret: secret.New(string(r.Secret)),
	})
	if err != nil {
		return client.VaultSlotAdded{}, slotProblem(err)
	}
	v.keeper.log.Info().Str("slot", s.ID).Str("kind", s.Kind).Msg("a slot was added to the vault")
	return client.VaultSlotAdded{Slot: ShowSlot(s), RecoveryKey: key.Reveal()}, nil
}

// RemoveSlot takes a way to open the vault away.
func (v Vault) RemoveSlot(_ context.Context, id, relyOn string) error {
	if err := v.vault().RemoveSlot(id, relyOn); err != nil {
		return slotProblem(err)
	}
	v.keeper.log.Info().Str("slot", id).Msg("a slot was removed from the vault")
	return nil
}

// slotProblem tells what a person can mend from what failed.
func slotProblem(err error) error {
	p := &client.Problem{Detail: err.Error()}
	switch {
	case errors.Is(err, vault.ErrNotFound):
		p.Type, p.Detail, p.Hint = client.ProblemNotFound, "there is no such slot", "bilikeeper vault slots list shows them"
	case errors.Is(err, vault.ErrLastSlot):
		p.Type, p.Hint = client.ProblemSlot, "add another slot first: bilikeeper vault slots add recovery"
	case errors.Is(err, vault.ErrAttended):
		p.Type, p.Hint = client.ProblemSlot, "add a slot that needs no person, or name the slot that the vault will be opened with: --rely-on ID"
	case errors.Is(err, vault.ErrNoSpace), errors.Is(err, vault.ErrStorage), errors.Is(err, vault.ErrCorrupt), errors.Is(err, vault.ErrClosed):
		return account.StorageProblem(err)
	default:
		p.Type = client.ProblemBadRequest
	}
	return p
}

// AdviseRecovery says once in a vault's life that nothing opens it where its key
// file is lost.
func (v Vault) AdviseRecovery() {
	info := v.vault().Info()
	if info.LastEvent > 0 || len(info.Slots) > 1 {
		return
	}
	v.keeper.log.Info().Str("vault", info.Path).Msg("the vault is new and has no recovery key yet; bilikeeper vault slots add recovery makes one")
}
