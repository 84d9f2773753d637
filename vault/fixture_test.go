package vault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// fixture copies the vault in testdata, which an earlier program wrote, to a
// private directory. Its secrets are made up.
func fixture(t *testing.T) Options {
	t.Helper()
	o := options(t)
	dir := filepath.Dir(o.Path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vault.db", "vault.key"} {
		writeSecret(t, dir, name, string(mustRead(t, filepath.Join("testdata", name))))
	}
	return o
}

// The layout and the cryptography stay: a vault of an earlier program opens
// by each of its slots, and its contents are read and written.
func TestFixtureOpens(t *testing.T) {
	o := fixture(t)
	v := mustOpen(t, o)
	check(t, v)
	if i := v.Info(); i.ID != "f25b4e254d9d1675f9d3209c3d35d15f" || i.Schema != 1 || i.Records["account"] != 2 || i.FirstEvent != 1 || i.LastEvent != 3 {
		t.Errorf("info %+v", i)
	}
	if r, err := get(v, "account", "alice"); err != nil || string(r.Value) != "second" || r.Revision != 2 {
		t.Errorf("alice is %q at %d, %v", r.Value, r.Revision, err)
	}
	wantValue(t, v, "account", "bob", "bob's value")
	es, err := events(v, 0, 0)
	if err != nil || len(es) != 3 || string(es[0].Value) != "one" || es[2].Time.Format("2006-01-02T15:04:05.999999999") != "2024-05-06T09:08:09.00000001" {
		t.Errorf("events %v, %v", es, err)
	}
	if d, err := v.Details(); err != nil || d.BackedUp == nil || d.BackedUp.Year() != 2024 || d.FirstAt.Year() != 2024 {
		t.Errorf("details %+v, %v", d, err)
	}
	if rev := put(t, v, "account", "alice", "third", 2); rev != 5 {
		t.Errorf("the next revision is %d", rev)
	}
	check(t, v)
	_ = v.Close()

	if err := os.Remove(keyPath(o)); err != nil {
		t.Fatal(err)
	}
	credentials := t.TempDir()
	writeSecret(t, credentials, "bilikeeper", strings.Repeat("fake-file-secret ", 4))
	recovery := strings.TrimSpace(string(mustRead(t, filepath.Join("testdata", "recovery.txt"))))
	for kind, k := range map[string]Keys{
		SlotFile:       {Credentials: credentials},
		SlotPassphrase: {Passphrase: func() (secret.String, error) { return secret.New("fake passphrase of testdata"), nil }},
		SlotRecovery:   {Recovery: func() (secret.String, error) { return secret.New(recovery), nil }},
	} {
		o.Keys = k
		v := mustOpen(t, o)
		for _, s := range v.Info().Slots {
			if s.InUse && s.Kind != kind {
				t.Errorf("opened by %v, want a %s", s, kind)
			}
		}
		wantValue(t, v, "account", "alice", "third")
		_ = v.Close()
	}
}
