package daemon

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// VaultInfo tells of the vault.
func (k *Keeper) VaultInfo() (client.VaultInfo, error) {
	d, err := k.store.vault.Details()
	if err != nil {
		return client.VaultInfo{}, storageProblem(err)
	}
	return ShowVault(d), nil
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

// VerifyVault reads all of the vault. Damage is an answer, not an error.
func (k *Keeper) VerifyVault(context.Context) (client.VaultCheck, error) {
	err := k.store.vault.Verify()
	switch {
	case errors.Is(err, vault.ErrCorrupt):
		return client.VaultCheck{Detail: err.Error()}, nil
	case err != nil:
		return client.VaultCheck{}, storageProblem(err)
	}
	return client.VaultCheck{OK: true}, nil
}

// BackupVault makes a copy beside the vault, which is gone when the body is
// closed.
func (k *Keeper) BackupVault(context.Context) (control.Backup, error) {
	c, err := k.store.vault.Copy()
	if err != nil {
		return control.Backup{}, storageProblem(err)
	}
	f, err := os.Open(c.Path)
	if err != nil {
		c.Remove()
		return control.Backup{}, storageProblem(err)
	}
	return control.Backup{
		Body: passingFile{f, f, c}, Size: c.Size, SHA256: base64.StdEncoding.EncodeToString(c.SHA256[:]),
		Sent: func() {
			if err := k.store.vault.BackedUp(time.Now()); err != nil {
				k.log.Warn().Err(err).Msg("a backup was made, and could not be noted")
			}
		},
	}, nil
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
func (k *Keeper) AddSlot(_ context.Context, r client.VaultSlotRequest) (client.VaultSlotAdded, error) {
	s, key, err := k.store.vault.AddSlot(vault.NewSlot{
		Kind: r.Kind, Label: r.Label, Source: r.Source, Secret: secret.New(string(r.Secret)),
	})
	if err != nil {
		return client.VaultSlotAdded{}, slotProblem(err)
	}
	k.log.Info().Str("slot", s.ID).Str("kind", s.Kind).Msg("a slot was added to the vault")
	return client.VaultSlotAdded{Slot: ShowSlot(s), RecoveryKey: key.Reveal()}, nil
}

// RemoveSlot takes a way to open the vault away.
func (k *Keeper) RemoveSlot(_ context.Context, id, relyOn string) error {
	if err := k.store.vault.RemoveSlot(id, relyOn); err != nil {
		return slotProblem(err)
	}
	k.log.Info().Str("slot", id).Msg("a slot was removed from the vault")
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
		return storageProblem(err)
	default:
		p.Type = client.ProblemBadRequest
	}
	return p
}

// adviseRecovery says once in a vault's life that nothing opens it where its
// key file is lost.
func (k *Keeper) adviseRecovery() {
	info := k.store.vault.Info()
	if info.LastEvent > 0 || len(info.Slots) > 1 {
		return
	}
	k.log.Info().Str("vault", info.Path).Msg("the vault is new and has no recovery key yet; bilikeeper vault slots add recovery makes one")
}
