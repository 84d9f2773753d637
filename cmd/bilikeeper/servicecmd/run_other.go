//go:build !windows

package servicecmd

import (
	"context"
	"os"
	"runtime"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// runService runs the keeper for a service manager that has to be answered in a way
// of its own. launchd starts again whatever did not end with 0, so that a wrong
// configuration ends with that: no new try mends it, and launchd is told to look at
// the file.
func runService(ctx context.Context, env *cli.Env) error {
	err := runDaemon(ctx, env, make(chan os.Signal, 1))
	if runtime.GOOS == "darwin" && err != nil && env.Code(err) == cli.ExitConfiguration {
		env.Report(err)
		return nil
	}
	return err
}
