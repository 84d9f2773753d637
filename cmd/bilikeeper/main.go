// Command bilikeeper keeps Bilibili logins alive and hands them, fresh, to the
// tools that need them.
//
// This package runs the tree of commands and ends with an exit code. Package root
// puts the tree together; the other packages below it are a group of commands each,
// on what package cli gives them. A command parses, calls the keeper over its
// socket and prints. No rule of the keeper may come in, and no group uses another:
// what two groups need is in cli or handed in by root.
//
// What it guarantees stands with package cli: what goes to stdout and to stderr,
// what an error looks like, what each exit code means. Colour is used on a
// terminal only, and never with NO_COLOR.
package main

import (
	"context"
	"os"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	_ "github.com/bilikeeper/bilikeeper/cmd/bilikeeper/quickget" // answers the plain get, and ends the program then
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
)

// Set by the build of a release.
var (
	version = "dev"
	commit  = ""
)

func main() {
	env := &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: version, Commit: commit}
	os.Exit(env.Execute(context.Background(), root.Command(env), os.Args[1:]))
}
