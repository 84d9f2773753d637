package servicecmd

import (
	"context"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/configcmd"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
)

// examiner lets the account page show what the doctor finds. It looks from outside,
// as the command does, with the rights of the keeper's own user.
func examiner(env *cli.Env) parts.Examine {
	return func(ctx context.Context, lang string) []parts.Finding {
		l := cli.Language{}
		if lang == "zh-CN" {
			l = cli.Chinese
		}
		report := doctor.Examine(ctx, configcmd.Examination(env, Examine, l.Text))
		list := make([]parts.Finding, 0, len(report.Findings))
		for _, f := range report.Findings {
			list = append(list, parts.Finding{Group: l.Told(f.Group()), Subject: f.Subject, Detail: f.Detail, Mend: f.Mend, Level: string(f.Level)})
		}
		return list
	}
}
