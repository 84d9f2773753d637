package control

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

const sampleVault = "a sealed vault"

func (f *fake) Info() (client.VaultInfo, error) {
	return client.VaultInfo{Path: "/var/lib/bilikeeper/vault.db", Records: map[string]int{"account": 2}}, nil
}

func (f *fake) Verify(context.Context) (client.VaultCheck, error) {
	return client.VaultCheck{OK: true}, nil
}

func (f *fake) Backup(context.Context) (keeper.Backup, error) {
	sum := sha256.Sum256([]byte(sampleVault))
	return keeper.Backup{
		Body: io.NopCloser(strings.NewReader(sampleVault)), Size: int64(len(sampleVault)),
		SHA256: base64.StdEncoding.EncodeToString(sum[:]),
		Sent:   func() { f.mu.Lock(); defer f.mu.Unlock(); f.called("sent") },
	}, nil
}

func (f *fake) AddSlot(_ context.Context, r client.VaultSlotRequest) (client.VaultSlotAdded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("add %s", r.Kind)
	return client.VaultSlotAdded{Slot: client.VaultSlot{ID: "ONE", Kind: r.Kind}, RecoveryKey: "cbdefg"}, nil
}

func (f *fake) RemoveSlot(_ context.Context, id, relyOn string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("remove %s %s", id, relyOn)
	return nil
}

func TestVaultOverTheSocket(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	w := do(s, owner, "GET", "/v1/vault", "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"slots":[]`) || !strings.Contains(w.Body.String(), `"aside":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = do(s, owner, "POST", "/v1/vault/backup", "")
	if w.Body.String() != sampleVault || w.Header().Get("Content-Length") != "14" || !strings.HasPrefix(w.Header().Get("Repr-Digest"), "sha-256=:") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	do(s, owner, "DELETE", "/v1/vault/slots/ONE?rely_on=TWO", "")
	if log := strings.Join(f.log(), "; "); log != "sent; remove ONE TWO" {
		t.Errorf("calls: %s", log)
	}
}

// short is a copy that ends early.
type short struct{ *fake }

func (short) Backup(context.Context) (keeper.Backup, error) {
	return keeper.Backup{Body: io.NopCloser(strings.NewReader("half")), Size: 8, SHA256: "x", Sent: func() { panic("was not sent") }}, nil
}

func TestBackupThatEndsEarly(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	s.parts.Vault = short{f}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	r := httptest.NewRequest("POST", "/v1/vault/backup", nil)
	err := s.backupVault(httptest.NewRecorder(), r)
	t.Errorf("it was answered: %v", errors.Join(err))
}
