// Package configcmd has the commands that look at the installation and not at an
// account: write, check and print the configuration, look for what is wrong,
// tell the version. What a key means and what is wrong with an installation is
// found out by daemon/config and daemon/doctor and may not be decided here.
//
// What the package guarantees: nothing but config init writes a file, and it
// writes over none unless that is asked for. Secrets of the configuration are
// masked.
package configcmd

import (
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
)

// Commands are the commands of this group. service tells of the service manager.
func Commands(env *cli.Env, service func() (string, doctor.Service)) []*cobra.Command {
	return []*cobra.Command{configCommand(env), doctorCommand(env, service), versionCommand(env)}
}
