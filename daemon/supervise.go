package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/servicemanager"
)

// socketEvery is how often it is looked whether the socket lies where it was put.
const socketEvery = 10 * time.Second

// keepSocket puts the socket back when something has removed its path.
func (d *daemon) keepSocket(ctx context.Context) {
	look := time.NewTicker(socketEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			d.restoreSocket()
		case <-ctx.Done():
			return
		}
	}
}

func (d *daemon) restoreSocket() {
	const place = "socket's place"
	again, err := d.socket.Restore()
	switch {
	case errors.Is(err, net.ErrClosed): // the keeper is stopping
	case err != nil:
		d.keeper.Problems().Set(place, fmt.Errorf("it was removed and cannot be put back: %w", err))
	default:
		d.keeper.Problems().Clear(place)
	}
	if again {
		d.Log.Warn().Str("socket", d.Places.Socket).Msg("the socket had been removed, and was put back")
		d.mu.Lock()
		defer d.mu.Unlock()
		d.grant(policyOf(d.Config))
	}
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
