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

// vaultRoutes serves the vault as a whole.
type vaultRoutes struct{ keeper keeper.Vault }

func (v *vaultRoutes) info(w http.ResponseWriter, _ *http.Request) error {
	info, err := v.keeper.Info()
	if err != nil {
		return err
	}
	info.Slots = append([]client.VaultSlot{}, info.Slots...)
	info.Aside = append([]string{}, info.Aside...)
	return writeJSON(w, info)
}

func (v *vaultRoutes) verify(w http.ResponseWriter, r *http.Request) error {
	check, err := v.keeper.Verify(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, check)
}

func (v *vaultRoutes) backup(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	b, err := v.keeper.Backup(r.Context())
	if err != nil {
		return err
	}
	sendBackup(w, b)
	return nil
}

// sendBackup answers with a copy of the vault, or cuts the answer off where the
// copy ends early.
func sendBackup(w http.ResponseWriter, b keeper.Backup) {
	defer b.Body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(b.Size, 10))
	w.Header().Set("Repr-Digest", "sha-256=:"+b.SHA256+":")
	if n, err := io.Copy(unhurried{w}, b.Body); err != nil || n != b.Size {
		// The length was promised; the peer sees that less came.
		panic(http.ErrAbortHandler)
	}
	b.Sent()
}

// unhurried gives each piece of a long answer its own deadline.
type unhurried struct{ w http.ResponseWriter }

func (u unhurried) Write(p []byte) (int, error) {
	_ = http.NewResponseController(u.w).SetWriteDeadline(time.Now().Add(slow))
	return u.w.Write(p)
}

func (v *vaultRoutes) addSlot(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.VaultSlotRequest](w, r, false)
	if err != nil {
		return err
	}
	added, err := v.keeper.AddSlot(r.Context(), request)
	if err != nil {
		return err
	}
	err = writeJSON(w, added)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil && added.RecoveryKey != "" {
		// Nobody has the key, and the slot would be counted on.
		return errors.Join(err, v.keeper.RemoveSlot(context.WithoutCancel(r.Context()), added.Slot.ID, ""))
	}
	return err
}

func (v *vaultRoutes) removeSlot(w http.ResponseWriter, r *http.Request) error {
	if err := v.keeper.RemoveSlot(r.Context(), r.PathValue("id"), r.URL.Query().Get("rely_on")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
