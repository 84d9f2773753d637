package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// watchEvery is how often the status is looked at. It costs the keeper nothing
// and the site is not asked.
const watchEvery = time.Second

// watchStatus shows the status until it is interrupted, which is its usual end. A
// keeper that goes away comes back.
func watchStatus(ctx context.Context, env *cli.Env, args []string) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for shown := ""; ctx.Err() == nil; {
		s, err := statusOf(ctx, env, args)
		if errors.Is(err, client.ErrNoKeeper) && shown != "" {
			s, err = client.Status{}, nil
		}
		if err != nil {
			return err
		}
		essence, _ := json.Marshal(s) // what tells one status from another
		out := env.Out()
		switch {
		case string(essence) == shown && (env.JSON || !out.TTY):
		case env.JSON:
			err = env.Print("%s\n", essence)
		default:
			err = env.Print("%s", watched(s, len(args) == 1, out))
		}
		if err != nil {
			return err
		}
		shown = string(essence)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// watched is one picture of the status.
func watched(s client.Status, one bool, out cli.Screen) string {
	var b strings.Builder
	if out.TTY {
		b.WriteString("\x1b[H\x1b[2J")
	}
	if s.Daemon.PID == 0 {
		return b.String() + out.Text("The keeper is away; waiting for it to come back.") + "\n"
	}
	for _, p := range s.Daemon.Problems {
		b.WriteString(out.Fold(out.Text("warning: %s", cli.Format(p)), 2) + "\n")
	}
	b.WriteString(statusText(s, one, out))
	if !out.TTY {
		b.WriteByte('\n')
	}
	return b.String()
}
