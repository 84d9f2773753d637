package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// etcdProgram is the same program, which keeps accounts in etcd as well.
const etcdProgram = "bilikeeper-etcd"

// StoreType is the type of the store that the configuration names, as far as that can
// be read: a file that cannot be is told of where it is needed.
func StoreType(e *Env) string {
	named, _ := NamedPlaces(e.Located().Config)
	if named.Store.Type == "" {
		return config.StoreBolt
	}
	return named.Store.Type
}

// HandOver has the program go on that keeps accounts in the store that the
// configuration names, with the same command line. It returns nil where this one does
// so, or where nobody knows the store. See [HandOverTo].
func HandOver(e *Env) error { return HandOverTo(e, StoreType(e)) }

// HandOverTo is HandOver for a type of store. Where another program takes over, this
// one is over: it takes this one's place, or its exit code is the result.
func HandOverTo(e *Env, kind string) error {
	path, err := Companion(e, kind)
	if err != nil || path == "" {
		return err
	}
	// What goes on here ends with the error, whatever the other came to.
	return become(path, e.args)
}

// Companion is the program that keeps accounts in a type of store, "" where this one
// does. The error says how to get it.
func Companion(e *Env, kind string) (string, error) {
	if kind != config.StoreEtcd || e.Stores.Knows(kind) {
		return "", nil
	}
	name := etcdProgram
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	self, err := os.Executable()
	if err != nil {
		return "", Fail(ExitFailed, "", "find this program: %w", err)
	}
	var beside []string
	for _, path := range []string{self, calledAs(os.Args[0])} {
		if path != "" {
			beside = append(beside, filepath.Join(filepath.Dir(path), name))
		}
	}
	if found, err := exec.LookPath(name); err == nil {
		beside = append(beside, found)
	}
	for _, path := range beside {
		// One that is this program under another name would look for itself for ever.
		if found, err := exec.LookPath(path); err == nil && !sameFile(found, self) {
			return found, nil
		}
	}
	return "", FailWith(ExitUsage, Format(`install the package bilikeeper-etcd, or put the program %s beside %s; or write store.type = "bolt"`, name, self),
		"the accounts are kept in etcd, which %s does and this program does not, and it is neither beside this one nor on the PATH", name)
}
