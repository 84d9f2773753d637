// Package setup takes a person from the program to a keeper that works: whose
// keeper it is, a channel, the service, the first login, an output. What each step
// does is done by the keeper's API, by the configuration and by what other groups
// of commands hand in; no rule of theirs may come in.
//
// What the package guarantees: nothing is done that was not asked for by an answer
// or a flag. A configuration is changed as text, so that a person's comments stay;
// what comes of it is parsed before it takes the file's place, as a whole, and is
// not written where it would not load or would change anything else. A secret is
// written to a file of its own, 0600, and nowhere else. Whoever runs it again gets
// nothing twice.
package setup

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// Parts are what other groups of commands do.
type Parts struct {
	// Install installs the service, of the calling user or of the machine, and
	// Control starts or restarts it.
	Install func(env *cli.Env, user bool) error
	Control func(env *cli.Env, action string, user bool) error
	// Service tells which service manager there is, and whether the service runs.
	Service func(env *cli.Env, user bool) (manager string, running bool, err error)
	// Login logs an account in, by a code in the terminal.
	// Its picture is kept in the file that is named, if one is.
	Login func(ctx context.Context, env *cli.Env, account, picture string) error
}

// options are the answers that flags give.
type options struct {
	yes                          bool
	keeper                       string
	channel, channelName         string
	channelSet                   []string
	service, noService           bool
	login, qrFile                string
	output, outputAccount        string
	noChannel, noLogin, noOutput bool
}

// The answers to the question whose keeper it is.
const (
	kindUser   = "user"
	kindSystem = "system"
	kindNone   = "none"
)

// Commands are the commands of this group.
func Commands(env *cli.Env, parts Parts) []*cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set everything up, step by step",
		Long: `Sets everything up, step by step: a keeper of your own or the machine's, a channel
for its messages with a sample, the service, the first login, and an output for a
tool. Enter takes the answer in brackets, and every step can be left out. Running
it again changes what is answered differently and adds nothing twice.

Flags answer the questions. With --yes the questions that no flag answers get the
answer in brackets, and nobody is logged in unless --login names an account: that
takes a person. A secret is never an argument: for a key that ends in _file,
--channel-set names a file that it is read from, "-" is standard input.`,
		Example: `  bilikeeper setup
  bilikeeper setup --yes --keeper user --channel ntfy --channel-set topic=made-up-9d2c
  bilikeeper setup --yes --channel telegram --channel-set chat=100200300 --channel-set token_file=token.txt
  bilikeeper setup --yes --no-channel --no-service --output yt-dlp=$HOME/cookies.txt`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			env.MakesConfig = true
			s := &setup{env: env, parts: parts, o: o, person: newPerson(env, o.yes), dropIns: unitDropIns}
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "ask nothing")
	f.StringVar(&o.keeper, "keeper", "", "whose keeper: user, system, or none to start one yourself")
	f.StringVar(&o.channel, "channel", "", "add a channel of this `type`, or change the one of that name")
	f.StringVar(&o.channelName, "channel-name", "", "the channel's `name`; its type where none is given")
	f.StringArrayVar(&o.channelSet, "channel-set", nil, "a key of the channel, as `key=value`; may be repeated")
	f.BoolVar(&o.noChannel, "no-channel", false, "add no channel")
	f.BoolVar(&o.service, "service", false, "install and start the service")
	f.BoolVar(&o.noService, "no-service", false, "leave the service alone")
	f.StringVar(&o.login, "login", "", "log this `account` in")
	f.StringVar(&o.qrFile, "qr-file", "", "keep the code's picture in a `file` (PNG, 0600) while it works")
	f.BoolVar(&o.noLogin, "no-login", false, "log nobody in")
	f.StringVar(&o.output, "output", "", "add an output, as `tool=path` or format=path")
	f.StringVar(&o.outputAccount, "output-account", "", "the output's `account`")
	f.BoolVar(&o.noOutput, "no-output", false, "add no output")
	o.complete(env, cmd)
	return []*cobra.Command{cmd}
}

// complete registers what the shell offers for the answers.
func (o *options) complete(env *cli.Env, cmd *cobra.Command) {
	cli.OneOf(cmd, "keeper", kindUser, kindSystem, kindNone)
	cli.OneOf(cmd, "channel", kindNames()...)
	cli.ChannelFlag(env, cmd, "channel-name")
	cli.AccountFlag(env, cmd, "login", "output-account")
	cli.FileFlag(cmd, "qr-file")
	before := func(flag string, words func() []string) {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var offered []cobra.Completion
			for _, word := range words() {
				offered = append(offered, word+"=")
			}
			return offered, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		})
	}
	before("output", toolNames)
	before("channel-set", func() []string {
		kind, _ := kindOf(o.channel)
		var names []string
		for _, k := range keysOf(kind) {
			names = append(names, k.name)
		}
		return names
	})
}

// check looks for answers that contradict each other.
func (o options) check() error {
	for _, pair := range []struct {
		both     bool
		one, two string
	}{
		{o.noChannel && o.channel != "", "--channel", "--no-channel"},
		{o.service && o.noService, "--service", "--no-service"},
		{o.noLogin && o.login != "", "--login", "--no-login"},
		{o.noOutput && o.output != "", "--output", "--no-output"},
	} {
		if pair.both {
			return cli.Fail(cli.ExitUsage, "", "%s and %s cannot both be meant", pair.one, pair.two)
		}
	}
	switch o.keeper {
	case "", kindUser, kindSystem, kindNone:
	default:
		return cli.Fail(cli.ExitUsage, "", "--keeper %q is not known: there are user, system and none", o.keeper)
	}
	if o.channel == "" && (len(o.channelSet) > 0 || o.channelName != "") {
		return cli.Fail(cli.ExitUsage, "add --channel TYPE", "there is no channel to set anything of")
	}
	for _, one := range o.channelSet {
		if key, _, ok := strings.Cut(one, "="); !ok || key == "" {
			return cli.Fail(cli.ExitUsage, "write --channel-set key=value", "--channel-set %q has no key", one)
		}
	}
	return nil
}
