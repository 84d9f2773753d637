package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/vault"
)

func (a *app) doctorCommand() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say how to mend it",
		Long: `Looks at the configuration, the keeper, its files, the accounts, the channels,
the outputs and the service, and says for everything that is not well what it
means and how to mend it. It changes nothing and asks neither the site nor a
channel's service. Without a running keeper it looks at the files alone.

Exit codes: 0 nothing is wrong, though there may be warnings; 1 something is
wrong: a configuration that cannot be used and a keeper that does not run are
findings like others.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			located := config.Locate(a.flags, a.env)
			// A file that cannot be read is one of the findings.
			named, _ := namedPlaces(located.Config)
			report := doctor.Examine(cmd.Context(), doctor.Options{
				Flags: a.flags, Env: a.env, Located: located, Places: located.With(named), Version: version, Checks: daemon.Checks(),
				VaultFile: daemon.VaultFile, KeyFile: daemon.KeyFile, Holder: vaultHolder, Service: otherService,
			})
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			return a.printReport(report, quiet)
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only what is not ok")
	return cmd
}

func (a *app) printReport(r doctor.Report, quiet bool) error {
	shown := r
	if quiet {
		shown.Findings = []doctor.Finding{}
		for _, f := range r.Findings {
			if f.Level != doctor.OK {
				shown.Findings = append(shown.Findings, f)
			}
		}
	}
	var err error
	if a.json {
		err = a.printJSON(shown)
	} else {
		_, err = fmt.Fprint(a.stdout, reportText(shown, quiet, a.screen(a.stdout)))
	}
	if err == nil && !r.OK {
		err = &failure{code: exitFailed, err: errors.New("")}
	}
	return err
}

// reportText is a line for each finding, in groups, with the mend below it.
func reportText(r doctor.Report, quiet bool, out screen) string {
	const margin = "               "
	var b strings.Builder
	group := ""
	for _, f := range r.Findings {
		if f.Group() != group {
			group = f.Group()
			fmt.Fprintln(&b, out.paint(bold, group))
		}
		word := levelWord(f.Level)
		fmt.Fprintf(&b, "  %s%s%s: %s\n", out.paint(levelColour(f.Level), word), margin[:len(margin)-2-len(word)], f.Subject, f.Detail)
		if f.Mend != "" {
			fmt.Fprintf(&b, "%smend: %s\n", margin, f.Mend)
		}
	}
	if quiet && len(r.Findings) == 0 {
		return ""
	}
	fmt.Fprintf(&b, "%s\n", summary(r))
	return b.String()
}

func summary(r doctor.Report) string {
	text := "Nothing is wrong"
	if n := r.Count(doctor.Wrong); n > 0 {
		text = fmt.Sprintf("%d wrong", n)
	}
	switch n := r.Count(doctor.Warning); {
	case n == 1:
		text += ", 1 warning"
	case n > 1:
		text += fmt.Sprintf(", %d warnings", n)
	}
	if n := r.Count(doctor.NotChecked); n > 0 {
		text += fmt.Sprintf(", %d not checked", n)
	}
	return text + "."
}

func levelWord(l doctor.Level) string { return strings.ReplaceAll(string(l), "_", " ") }

func levelColour(l doctor.Level) string {
	switch l {
	case doctor.OK:
		return green
	case doctor.Warning:
		return yellow
	case doctor.Wrong:
		return red
	}
	return faint
}

func vaultHolder(dir string) (doctor.Holder, bool) {
	p, err := vault.Holder(dir)
	return doctor.Holder{PID: p.PID, Socket: p.Socket}, err == nil
}

// otherService asks service managers that the doctor does not know himself.
func otherService() (string, doctor.Service) {
	s, err := newService(false, idle{})
	if err != nil {
		return "", doctor.Service{Err: err}
	}
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled), err != nil && s.Platform() == "unix-systemv" && !exists("/etc/init.d/"+serviceName):
		return s.Platform(), doctor.Service{}
	case err != nil:
		return s.Platform(), doctor.Service{Err: fmt.Errorf("%s: %w", s.Platform(), err)}
	}
	return s.Platform(), doctor.Service{Installed: true, Running: status == service.StatusRunning}
}
