package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/servicemanager"
)

// works goes through the accounts' lock, so that a keeper that is stuck there is
// started again.
func (d *daemon) works(context.Context) error {
	d.keeper.Accounts().Status()
	return nil
}

// tellStatus tells the service manager in words how the accounts are, at each
// change and at most once a second.
func (d *daemon) tellStatus(ctx context.Context) {
	told := ""
	pause := time.NewTicker(time.Second)
	defer pause.Stop()
	for servicemanager.Present() {
		changed := d.keeper.Store().Changed()
		if text := d.inWords(); text != told {
			servicemanager.Status(text)
			told = text
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *daemon) inWords() string {
	all, dead := d.keeper.Records(), 0
	for _, r := range all {
		if r.Base != lifecycle.BaseValid {
			dead++
		}
	}
	text := fmt.Sprintf("%d accounts", len(all))
	if len(all) == 1 {
		text = "1 account"
	}
	switch dead {
	case 0:
		return text
	case 1:
		return text + ", 1 needs a login"
	}
	return fmt.Sprintf("%s, %d need a login", text, dead)
}
