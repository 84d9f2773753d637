package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// What the shell offers at a press of the key. It waits for the answer, so a keeper
// that does not give one at once is left out of it. Where nothing is registered
// nothing is offered, files neither.

// names asks the keeper for what can stand at a place.
type names func(context.Context, *client.Client) []cobra.Completion

func (n names) of(cmd *cobra.Command, env *Env) []cobra.Completion {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	return n(ctx, env.Client())
}

// arguments offers up to most names, none that stands there already; -1 is any number.
func (n names) arguments(env *Env, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list := slices.DeleteFunc(n.of(cmd, env), func(name cobra.Completion) bool {
			name, _, _ = strings.Cut(name, "\t")
			return slices.Contains(args, name)
		})
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// flag offers them as a flag's value.
func (n names) flag(env *Env, cmd *cobra.Command, flags []string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, n.arguments(env, -1))
	}
}

func accounts(ctx context.Context, c *client.Client) []cobra.Completion {
	list, _ := c.Accounts(ctx)
	offered := make([]cobra.Completion, 0, len(list))
	for _, acc := range list {
		offered = append(offered, cobra.CompletionWithDesc(acc.Name, Dash(acc.Uname)+", "+acc.State))
	}
	return offered
}

func channels(ctx context.Context, c *client.Client) []cobra.Completion {
	list, _ := c.Channels(ctx)
	offered := make([]cobra.Completion, 0, len(list))
	for _, one := range list {
		offered = append(offered, cobra.CompletionWithDesc(one.Name, one.Type))
	}
	return offered
}

func outputs(ctx context.Context, c *client.Client) []cobra.Completion {
	list, _ := c.Outputs(ctx)
	offered := make([]cobra.Completion, 0, len(list))
	for _, one := range list {
		offered = append(offered, cobra.CompletionWithDesc(one.Name, one.Account+", "+one.State))
	}
	return offered
}

func slots(ctx context.Context, c *client.Client) []cobra.Completion {
	info, _ := c.Vault(ctx)
	offered := make([]cobra.Completion, 0, len(info.Slots))
	for _, slot := range info.Slots {
		offered = append(offered, cobra.CompletionWithDesc(slot.ID, strings.TrimSpace(slot.Kind+" "+slot.Label)))
	}
	return offered
}

func browsers(ctx context.Context, c *client.Client) []cobra.Completion {
	list, _ := c.PageSessions(ctx)
	offered := make([]cobra.Completion, 0, len(list))
	for _, one := range list {
		offered = append(offered, cobra.CompletionWithDesc(one.ID, Dash(one.Browser)))
	}
	return offered
}

// CompleteAccounts offers the keeper's accounts, and so do those that follow their
// names.
func CompleteAccounts(env *Env, most int) cobra.CompletionFunc {
	return names(accounts).arguments(env, most)
}

func CompleteChannels(env *Env, most int) cobra.CompletionFunc {
	return names(channels).arguments(env, most)
}

func CompleteOutputs(env *Env, most int) cobra.CompletionFunc {
	return names(outputs).arguments(env, most)
}

func CompleteSlots(env *Env, most int) cobra.CompletionFunc {
	return names(slots).arguments(env, most)
}

func CompleteBrowsers(env *Env, most int) cobra.CompletionFunc {
	return names(browsers).arguments(env, most)
}

// CompleteFiles offers files.
func CompleteFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// AccountFlag, ChannelFlag and SlotFlag are flags whose value is a name.
func AccountFlag(env *Env, cmd *cobra.Command, flags ...string) {
	names(accounts).flag(env, cmd, flags)
}
func ChannelFlag(env *Env, cmd *cobra.Command, flags ...string) {
	names(channels).flag(env, cmd, flags)
}
func SlotFlag(env *Env, cmd *cobra.Command, flags ...string) { names(slots).flag(env, cmd, flags) }

// TagFlag is a flag whose value is a tag, or several with commas between them.
func TagFlag(env *Env, cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		list, _ := env.Client().Accounts(ctx)
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var offered []cobra.Completion
		for _, acc := range list {
			for _, tag := range acc.Tags {
				if !slices.Contains(strings.Split(before, ","), tag) {
					offered = append(offered, before+tag)
				}
			}
		}
		slices.Sort(offered)
		return slices.Compact(offered), cobra.ShellCompDirectiveNoFileComp
	})
}

// OneOf is a flag whose values are known, or the likely ones of them.
func OneOf(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// FileFlag is a flag whose value is a file, DirectoryFlag one whose value is a
// directory, and FreeFlag one whose value nobody can know.
func FileFlag(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, CompleteFiles)
	}
}

func DirectoryFlag(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs))
}

func FreeFlag(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
}

// Programs are those on the path whose names begin as it was typed.
func Programs(env *Env, typed string) []cobra.Completion {
	var found []cobra.Completion
	if typed == "" || strings.ContainsRune(typed, filepath.Separator) {
		return nil
	}
	for _, dir := range filepath.SplitList(env.Getenv("PATH")) {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), typed) && !entry.IsDir() {
				found = append(found, entry.Name())
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
