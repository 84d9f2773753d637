//go:build etcd && unix

package etcd_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
)

// TestMadeByRoot: what root makes in the keeper's directory is the keeper's.
func TestMadeByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const keeper = 54321
	w := newWay(t, etcdtest.Start(t, 1))
	must(t, os.MkdirAll(w.dir, 0o700))
	must(t, os.Chown(w.dir, keeper, keeper))
	v := open(t, w.options())
	must(t, count(v))
	must(t, v.Close())
	for _, name := range []string{"cluster.db", "vault.key"} {
		info, err := os.Stat(w.dir + "/" + name)
		must(t, err)
		if st := info.Sys().(*syscall.Stat_t); st.Uid != keeper || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is of user %d, with mode %04o", name, st.Uid, info.Mode().Perm())
		}
	}
	v = open(t, w.options()) // root still opens what is the keeper's
	counted(t, v, 1)
}
