package ownfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links")
	}
	dir := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	for _, err := range []error{
		os.MkdirAll(at("state", "backups"), 0o700), os.Mkdir(at("srv"), 0o755),
		os.WriteFile(at("state", "vault.db"), nil, 0o600), os.WriteFile(at("state", "x.txt"), nil, 0o600),
		os.Symlink(at("state", "vault.db"), at("srv", "link")), os.Symlink("link", at("srv", "link2")),
		os.Link(at("state", "vault.db"), at("srv", "hard")), os.Symlink(at("state"), at("dir")),
		os.Symlink("../state/vault.key", at("srv", "dangling")), os.Symlink("loop", at("srv", "loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	own := Files{{"the vault", at("state", "vault.db")}, {"its key", at("dir", "vault.key")}, {"a copy", at("state", "vault.db.*")},
		{"a backup", at("state", "backups", "vault-*.db")}, {"nowhere", at("nowhere", "x")}}
	for path, what := range map[string]string{
		at("state", "vault.db"): "the vault", at("srv", "link"): "the vault", at("srv", "link2"): "the vault", at("srv", "hard"): "the vault",
		at("dir", "vault.db"): "the vault", dir + "/srv/../state/vault.db": "the vault", dir + "/dir/../state/vault.db": "the vault",
		at("state", "vault.key"): "its key", at("srv", "dangling"): "its key", at("state", "vault.db.before-1"): "a copy",
		at("dir", "backups", "vault-2.db"): "a backup",
		at("state", "x.txt"):               "", at("state", "vault.dbx"): "", at("srv", "new"): "", at("srv", "loop"): "", at("none", "x"): "", at("nowhere", "x"): "",
	} {
		err := own.Check(path)
		var is *Error
		if what == "" && err != nil || what != "" && (!errors.As(err, &is) || is.File.What != what || !errors.Is(err, ErrOwn)) {
			t.Errorf("%s: %v, want %q", path, err, what)
		}
	}
	t.Chdir(at("state"))
	if err := own.Check("vault.db"); err == nil {
		t.Error("a relative path")
	}
}
