// Package delivery has the commands for what leaves the keeper by itself: the
// notification channels and the outputs. It shows how each went and has one
// tried now. What is sent where is the keeper's to decide and may not be decided
// here.
//
// What the package guarantees: where several are tried, one that fails does not
// keep the others from being tried, and the exit code tells of it.
package delivery

import (
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{notifyCommand(env), outputCommand(env)}
}
