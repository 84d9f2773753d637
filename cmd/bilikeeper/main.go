// Command bilikeeper keeps Bilibili logins alive and hands them, fresh, to the
// tools that need them.
//
// This package is the command line and nothing more: it parses, calls the
// keeper over its socket, prints and exits. No rule of the keeper lives here.
//
// How it speaks: data goes to stdout, everything else to stderr. With --json
// stdout holds one JSON document, or one JSON object a line where a command
// streams. An error is one line, "bilikeeper: error: …", lower case and
// without a period, followed where possible by "bilikeeper: hint: …", which
// says what to do. Colour is used on a terminal only, and never with NO_COLOR.
package main

import (
	"context"
	"os"
)

// version is set by the build of a release.
var version = "dev"

func main() {
	os.Exit(execute(context.Background(), &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv,
	}, os.Args[1:]))
}
