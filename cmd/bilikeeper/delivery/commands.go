// Package delivery has the commands for what leaves the keeper by itself: the
// notification channels and the outputs. It shows how each went and has one
// tried now. What is sent where is the keeper's to decide and may not be decided
// here.
//
// What the package guarantees: where several are tried, one that fails does not
// keep the others from being tried, and the exit code tells of it.
package delivery

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{notifyCommand(env), outputCommand(env)}
}

// chosen are the names that a person gave, or all that the keeper lists.
func chosen[T any](ctx context.Context, given []string, list func(context.Context) ([]T, error), name func(T) string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	all, err := list(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return names, nil
}
