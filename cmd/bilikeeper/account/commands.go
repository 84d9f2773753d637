// Package account has the commands that work with accounts: log in, look,
// check, refresh, read the credential, take over and give up.
//
// They ask the keeper and print what it answers. What a session's state means,
// when the site may be asked, and which credential is handed out is decided by
// the keeper and may not be decided here.
//
// What the package guarantees: a credential is written to stdout, to the
// environment of the program that exec runs, or to a file that only its user
// can read, and nowhere else. A login that a command began ends with it, unless
// it was granted already.
package account

import (
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		loginCommand(env), statusCommand(env), checkCommand(env), getCommand(env), execCommand(env), refreshCommand(env),
		importCommand(env), logoutCommand(env), forgetCommand(env), waitCommand(env), accountCommand(env),
	}
}
