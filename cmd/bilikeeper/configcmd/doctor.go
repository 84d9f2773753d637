package configcmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultkeys"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/vault"
)

func doctorCommand(env *cli.Env, service func() (string, doctor.Service)) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say how to mend it",
		Long: `Looks at the configuration, the keeper, its files, etcd where the accounts are
kept there, the accounts, the channels, the outputs and the service, and says for
everything that is not well what it means and how to mend it. It changes nothing and asks neither the site nor a
channel's service. Without a running keeper it looks at the files alone.

Exit codes: 0 nothing is wrong, though there may be warnings; 1 something is
wrong: a configuration that cannot be used and a keeper that does not run are
findings like others.`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Without the other program this one looks at what it can, and tells of it.
			if path, err := cli.Companion(env, cli.StoreType(env)); err == nil && path != "" {
				return cli.HandOver(env)
			}
			text := env.Language().Text
			if env.JSON {
				text = nil
			}
			report := doctor.Examine(cmd.Context(), Examination(env, service, text))
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			return printReport(env, report, quiet)
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only what is not ok")
	return cmd
}

// Examination is what the doctor looks at for this program. text puts the findings
// into a person's language.
func Examination(env *cli.Env, service func() (string, doctor.Service), text func(format string, args ...any) string) doctor.Options {
	located := env.Located()
	// A file that cannot be read is one of the findings.
	named, _ := cli.NamedPlaces(located.Config)
	_, missing := cli.Companion(env, cli.StoreType(env))
	var store doctor.StoreLooker
	if env.StoreDoctor != nil {
		store = env.StoreDoctor((&vaultkeys.Secrets{Env: env, Silent: true}).Keys())
	}
	return doctor.Options{
		Store: store,
		Flags: env.Flags, Env: env.Getenv, Located: located, Places: located.With(named), Version: env.Version, Checks: daemon.Checks(),
		VaultFile: daemon.VaultFile, KeyFile: daemon.KeyFile, CopyFile: daemon.CopyFile, StoreErr: missing, Holder: vaultHolder, Service: service, Text: text,
	}
}

func printReport(env *cli.Env, r doctor.Report, quiet bool) error {
	shown := r
	if quiet {
		shown.Findings = []doctor.Finding{}
		for _, f := range r.Findings {
			if f.Level != doctor.OK {
				shown.Findings = append(shown.Findings, f)
			}
		}
	}
	err := env.Show(shown, func() { env.Print("%s", reportText(shown, quiet, env.Out())) })
	if err == nil && !r.OK {
		return cli.Exit(cli.ExitFailed, "")
	}
	return err
}

// reportText is a line for each finding, in groups, with the mend below it.
func reportText(r doctor.Report, quiet bool, out cli.Screen) string {
	margin := 15
	if out.Width > 0 && out.Width < 60 {
		margin = 4 // too little of a narrow screen would be left
	}
	var b strings.Builder
	group := ""
	for _, f := range r.Findings {
		if f.Group() != group {
			group = f.Group()
			fmt.Fprintln(&b, out.Paint(cli.Bold, out.Told(group)))
		}
		word := out.Told(strings.ReplaceAll(string(f.Level), "_", " "))
		begin := cli.Pad("  "+out.Paint(levelColour(f.Level), word)+"  ", margin)
		fmt.Fprintln(&b, cli.Hang(begin, out.Text("%s: %s", f.Subject, f.Detail), out.Width, margin))
		if f.Mend != "" {
			fmt.Fprintln(&b, cli.Hang(strings.Repeat(" ", margin), out.Text("mend: %s", f.Mend), out.Width, margin+2))
		}
	}
	if quiet && len(r.Findings) == 0 {
		return ""
	}
	fmt.Fprintf(&b, "%s\n", summary(r, out))
	return b.String()
}

func summary(r doctor.Report, out cli.Screen) string {
	text := out.Text("Nothing is wrong")
	if n := r.Count(doctor.Wrong); n > 0 {
		text = out.Text("%d wrong", n)
	}
	switch n := r.Count(doctor.Warning); {
	case n == 1:
		text += out.Text(", 1 warning")
	case n > 1:
		text += out.Text(", %d warnings", n)
	}
	if n := r.Count(doctor.NotChecked); n > 0 {
		text += out.Text(", %d not checked", n)
	}
	return out.Text("%s.", text)
}

func levelColour(l doctor.Level) string {
	switch l {
	case doctor.OK:
		return cli.Green
	case doctor.Warning:
		return cli.Yellow
	case doctor.Wrong:
		return cli.Red
	}
	return cli.Faint
}

func vaultHolder(dir string) (doctor.Holder, bool) {
	p, err := vault.Holder(dir)
	return doctor.Holder{PID: p.PID, Socket: p.Socket}, err == nil
}
