//go:build !windows

package vault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// replacer replaces a vault in one of the ways there are.
func replacer(how string) func(string) error {
	return func(path string) (err error) {
		runtime.LockOSThread() // the calls are counted by thread
		o := Options{Path: path}
		switch how {
		case "rekey":
			_, err = Rekey(o, Rekeying{Secret: noSecret})
		case "compact":
			_, err = Compact(o)
		case "restore":
			_, err = Restore(o, path+".backup", false)
		case "add":
			var v *File
			if v, err = Open(o); err == nil {
				if _, _, err = v.AddSlot(NewSlot{Kind: SlotRecovery}); err == nil {
					err = v.Close()
				}
			}
		}
		if err == nil {
			_, err = fmt.Println("done")
		}
		return err
	}
}

// A replacement is killed before each of the calls that change the disk. What
// is there then opens with the same key, is whole, and is the old content or
// the new.
func TestReplaceKilled(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no strace")
	}
	for _, how := range []string{"rekey", "compact", "restore", "add"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			first, backup, contentThen := specimen(t)
			v := mustOpen(t, first)
			put(t, v, "k", "later", "x", 0)
			contentNow := contentOf(t, v)
			_ = v.Close()
			now, key := mustRead(t, first.Path), mustRead(t, keyPath(first))
			kills := 0
			for _, call := range replaceCalls {
				for n := 1; ; n += replaceStride(call) {
					o := options(t)
					dir := filepath.Dir(o.Path)
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					for name, data := range map[string][]byte{"vault.db": now, "vault.key": key, "vault.db.backup": backup} {
						writeSecret(t, dir, name, string(data))
					}
					cmd := childCommand(how, o.Path, strace, "-f", "-qq", "-o", os.DevNull,
						"-e", "trace="+call, "-e", "inject="+call+":signal=SIGKILL:when="+strconv.Itoa(n))
					cmd.Stderr = nil
					out, err := cmd.CombinedOutput()
					done := strings.Contains(string(out), "done")
					if err != nil && !done && len(out) > 0 {
						t.Skipf("strace may not trace here: %s", out)
					}
					v := mustOpen(t, o)
					got := contentOf(t, v)
					if got != contentNow && (how != "restore" || got != contentThen) {
						t.Fatalf("killed before %s %d: neither the old content nor the new", call, n)
					}
					if done && how == "restore" && got != contentThen {
						t.Fatal("nothing was restored")
					}
					check(t, v)
					_ = v.Close()
					for _, name := range strings.Fields(names(t, dir)) {
						if strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, beforeRekey) {
							t.Errorf("killed before %s %d: %s is left", call, n, name)
						}
					}
					if done {
						break
					}
					kills++
				}
			}
			t.Logf("%d kills", kills)
			if kills < 2 {
				t.Errorf("only %d kills", kills)
			}
		})
	}
}
