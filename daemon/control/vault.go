package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// Vault tells of the keeper's vault and copies it.
type Vault interface {
	Info() (client.VaultInfo, error)
	Verify(ctx context.Context) (client.VaultCheck, error)
	// Backup makes a copy in full before it returns.
	Backup(ctx context.Context) (keeper.Backup, error)
}

// Slots changes what opens the vault.
type Slots interface {
	AddSlot(ctx context.Context, r client.VaultSlotRequest) (client.VaultSlotAdded, error)
	RemoveSlot(ctx context.Context, id, relyOn string) error
}

func (s *Server) vault(w http.ResponseWriter, _ *http.Request) error {
	info, err := s.parts.Vault.Info()
	if err != nil {
		return err
	}
	info.Slots = append([]client.VaultSlot{}, info.Slots...)
	info.Aside = append([]string{}, info.Aside...)
	return writeJSON(w, info)
}

func (s *Server) verifyVault(w http.ResponseWriter, r *http.Request) error {
	check, err := s.parts.Vault.Verify(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, check)
}

func (s *Server) backupVault(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	b, err := s.parts.Vault.Backup(r.Context())
	if err != nil {
		return err
	}
	defer b.Body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(b.Size, 10))
	w.Header().Set("Repr-Digest", "sha-256=:"+b.SHA256+":")
	if n, err := io.Copy(unhurried{w}, b.Body); err != nil || n != b.Size {
		// The length was promised; the peer sees that less came.
		panic(http.ErrAbortHandler)
	}
	b.Sent()
	return nil
}

// unhurried gives each piece of a long answer its own deadline.
type unhurried struct{ w http.ResponseWriter }

func (u unhurried) Write(p []byte) (int, error) {
	_ = http.NewResponseController(u.w).SetWriteDeadline(time.Now().Add(slow))
	return u.w.Write(p)
}

func (s *Server) addSlot(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.VaultSlotRequest](w, r, false)
	if err != nil {
		return err
	}
	added, err := s.parts.Slots.AddSlot(r.Context(), request)
	if err != nil {
		return err
	}
	err = writeJSON(w, added)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil && added.RecoveryKey != "" {
		// Nobody has the key, and the slot would be counted on.
		return errors.Join(err, s.parts.Slots.RemoveSlot(context.WithoutCancel(r.Context()), added.Slot.ID, ""))
	}
	return err
}

func (s *Server) removeSlot(w http.ResponseWriter, r *http.Request) error {
	if err := s.parts.Slots.RemoveSlot(r.Context(), r.PathValue("id"), r.URL.Query().Get("rely_on")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
