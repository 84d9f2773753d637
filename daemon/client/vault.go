package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The kinds of slots, each a way to open the vault. Words are on the wire.
const (
	SlotKeyFile    = "keyfile"
	SlotFile       = "file"
	SlotPassphrase = "passphrase"
	SlotRecovery   = "recovery"
)

// VaultInfo is the answer to GET /v1/vault. It holds no secret.
type VaultInfo struct {
	Path   string `json:"path"`
	ID     string `json:"id"`
	Schema int    `json:"schema"`
	// CreatedAt is when the file was made; one in etcd does not say.
	CreatedAt time.Time `json:"created_at,omitzero"`
	Size      int64     `json:"size"`
	// FreePages of PageSize bytes each would be gone after a compaction, of a file.
	FreePages int            `json:"free_pages"`
	PageSize  int            `json:"page_size"`
	Records   map[string]int `json:"records"`
	Journal   VaultJournal   `json:"journal"`
	Slots     []VaultSlot    `json:"slots"`
	// BackedUpAt is when a backup was last made, null before the first.
	BackedUpAt *time.Time `json:"backed_up_at"`
	// Aside are earlier files of the vault that are still there.
	Aside []string `json:"aside"`
}

// VaultJournal says how far the journal goes back.
type VaultJournal struct {
	Count    int        `json:"count"`
	FirstID  uint64     `json:"first_id"`
	LastID   uint64     `json:"last_id"`
	OldestAt *time.Time `json:"oldest_at"`
	NewestAt *time.Time `json:"newest_at"`
}

// VaultSlot is a way to open the vault.
type VaultSlot struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Label     string    `json:"label"`
	Source    string    `json:"source"`
	CreatedAt time.Time `json:"created_at"`
	// InUse is true for the one that opened it this time, Unattended where no
	// person is needed.
	InUse      bool `json:"in_use"`
	Unattended bool `json:"unattended"`
}

// VaultCheck is the answer to GET /v1/vault/verify.
type VaultCheck struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// VaultSlotRequest is the body of POST /v1/vault/slots.
type VaultSlotRequest struct {
	Kind  string `json:"kind"`
	Label string `json:"label,omitempty"`
	// Source is the file of SlotFile, a whole path that the keeper can read, or
	// "credential:NAME".
	Source string `json:"source,omitempty"`
	// Secret is the passphrase, or what the file of a credential holds.
	Secret []byte `json:"secret,omitempty"`
}

// String keeps the secret out of every print.
func (r VaultSlotRequest) String() string { return "a slot of kind " + r.Kind + " [redacted]" }

// GoString is String.
func (r VaultSlotRequest) GoString() string { return r.String() }

// VaultSlotAdded is the answer to POST /v1/vault/slots.
type VaultSlotAdded struct {
	Slot VaultSlot `json:"slot"`
	// RecoveryKey is shown this once.
	RecoveryKey string `json:"recovery_key,omitempty"`
}

// String keeps the recovery key out of every print.
func (a VaultSlotAdded) String() string { return "slot " + a.Slot.ID + " [redacted]" }

// GoString is String.
func (a VaultSlotAdded) GoString() string { return a.String() }

// Vault tells of the keeper's vault.
func (c *Client) Vault(ctx context.Context) (VaultInfo, error) {
	return call[VaultInfo](ctx, c, request{method: http.MethodGet, path: "/v1/vault"})
}

// VerifyVault has the keeper read all of its vault. Nothing is saved meanwhile.
func (c *Client) VerifyVault(ctx context.Context) (VaultCheck, error) {
	return call[VaultCheck](ctx, c, request{method: http.MethodGet, path: "/v1/vault/verify"})
}

// BackupVault writes a copy of the vault, sealed as the vault is, to w. An
// error, [ErrBroken] where less or other bytes arrived than were sent, means
// that w holds no backup. The sum is that of the bytes.
func (c *Client) BackupVault(ctx context.Context, w io.Writer) (size int64, sum [sha256.Size]byte, err error) {
	resp, err := c.send(ctx, request{method: http.MethodPost, path: "/v1/vault/backup"})
	if err != nil {
		return 0, sum, err
	}
	defer resp.Body.Close()
	want, begins := strings.CutPrefix(resp.Header.Get("Repr-Digest"), "sha-256=:")
	want, ends := strings.CutSuffix(want, ":")
	if !begins || !ends {
		return 0, sum, fmt.Errorf("%w: a backup without its sum", ErrForeign)
	}
	h := sha256.New()
	size, err = c.copyBody(ctx, io.MultiWriter(w, h), resp)
	if err != nil {
		return size, sum, err
	}
	if base64.StdEncoding.EncodeToString(sumOf(h, &sum)) != want {
		return size, sum, fmt.Errorf("%w: the backup arrived damaged", ErrBroken)
	}
	return size, sum, nil
}

func sumOf(h hash.Hash, sum *[sha256.Size]byte) []byte { return h.Sum(sum[:0]) }

// copyBody tells an end of the connection from a disk that takes no more.
func (c *Client) copyBody(ctx context.Context, w io.Writer, resp *http.Response) (int64, error) {
	to := &noting{w: w}
	n, err := io.Copy(to, resp.Body)
	switch {
	case ctx.Err() != nil:
		return n, ctx.Err()
	case to.err != nil:
		return n, to.err
	case err != nil:
		return n, fmt.Errorf("%w: %w", ErrBroken, err)
	case resp.ContentLength >= 0 && n != resp.ContentLength:
		return n, fmt.Errorf("%w: %d of %d bytes came", ErrBroken, n, resp.ContentLength)
	}
	return n, nil
}

type noting struct {
	w   io.Writer
	err error
}

func (n *noting) Write(p []byte) (int, error) {
	written, err := n.w.Write(p)
	if err != nil {
		n.err = err
	}
	return written, err
}

// AddSlot makes one more way to open the vault. Only the keeper's owner and
// root may. Problems: [ProblemBadRequest], [ProblemStorage].
func (c *Client) AddSlot(ctx context.Context, r VaultSlotRequest) (VaultSlotAdded, error) {
	return call[VaultSlotAdded](ctx, c, request{method: http.MethodPost, path: "/v1/vault/slots", body: r})
}

// RemoveSlot takes a way to open the vault away. relyOn names the slot that it
// is opened with from then on, where none is left that opens without a person.
// Problems: [ProblemNotFound], [ProblemSlot].
func (c *Client) RemoveSlot(ctx context.Context, id, relyOn string) error {
	r := request{method: http.MethodDelete, path: "/v1/vault/slots/" + url.PathEscape(id)}
	if relyOn != "" {
		r.query = url.Values{"rely_on": {relyOn}}
	}
	return c.order(ctx, r)
}
