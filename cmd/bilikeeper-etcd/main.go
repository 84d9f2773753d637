// Command bilikeeper-etcd is bilikeeper, and keeps accounts in etcd as well, where
// several hosts can share them. Every command is the same, from the same packages;
// bilikeeper runs it where the configuration says store.type = "etcd". It is a program
// of its own because etcd's client makes each command a third slower, which those who
// keep accounts in a file need not pay.
//
// Nothing may differ between the two but what accounts can be kept in, and who looks at
// that for the doctor.
package main

import (
	"context"
	"os"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	_ "github.com/bilikeeper/bilikeeper/cmd/bilikeeper/quickget" // answers the plain get, and ends the program then
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	etcdlook "github.com/bilikeeper/bilikeeper/daemon/doctor/etcd"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/parts/etcdvault"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Set by the build of a release.
var (
	version = "dev"
	commit  = ""
)

func main() {
	env := &cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: version, Commit: commit,
		Stores: parts.Stores{config.StoreEtcd: etcdvault.Open},
		StoreDoctor: func(keys vault.Keys) doctor.StoreLooker {
			return func(ctx context.Context, s config.Store, p config.Places) doctor.Store {
				return etcdlook.Look(ctx, s, p, etcdlook.Files{Copy: parts.CopyFile, Key: parts.KeyFile}, keys)
			}
		},
	}
	os.Exit(env.Execute(context.Background(), root.Command(env), os.Args[1:]))
}
