package control

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

func TestVaultOverTheSocket(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		info := func() (i client.VaultInfo) {
			w := do(s, owner, "GET", "/v1/vault", "")
			if err := json.Unmarshal(w.Body.Bytes(), &i); err != nil || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"aside":[]`) {
				t.Errorf("%v, %d %s", err, w.Code, w.Body)
			}
			return i
		}
		if i := info(); len(i.Slots) != 1 || i.BackedUpAt != nil || i.Records["account"] != 2 {
			t.Errorf("%+v", i)
		}
		w := do(s, owner, "POST", "/v1/vault/backup", "")
		sum := sha256.Sum256(w.Body.Bytes())
		if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Body.Len() == 0 ||
			w.Header().Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
			t.Errorf("%d bytes with %v", w.Body.Len(), w.Header())
		}
		w = do(s, owner, "POST", "/v1/vault/slots", `{"kind":"recovery"}`)
		var added client.VaultSlotAdded
		if err := json.Unmarshal(w.Body.Bytes(), &added); err != nil || added.RecoveryKey == "" {
			t.Errorf("%v, %d", err, w.Code)
		}
		if i := info(); len(i.Slots) != 2 || i.BackedUpAt == nil {
			t.Errorf("%+v", i)
		}
		key := info().Slots[0].ID
		if w = do(s, owner, "DELETE", "/v1/vault/slots/"+added.Slot.ID+"?rely_on="+key, ""); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if i := info(); len(i.Slots) != 1 {
			t.Errorf("%+v", i)
		}
		if w = do(s, owner, "DELETE", "/v1/vault/slots/"+key, ""); w.Code != http.StatusConflict || problemOf(t, w).Type != client.ProblemSlot {
			t.Errorf("the last slot: %d %s", w.Code, w.Body)
		}
	})
}

// A copy that ends early is cut off and not taken for whole.
func TestBackupThatEndsEarly(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	sendBackup(httptest.NewRecorder(), keeper.Backup{
		Body: io.NopCloser(strings.NewReader("half")), Size: 8, SHA256: "x", Sent: func() { t.Error("it counts as sent") }})
	t.Error("it was answered")
}
