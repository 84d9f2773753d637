package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// lookEvery is how often the files are looked at that others may change.
const lookEvery = 10 * time.Second

// watchFiles puts the socket back when something has removed its path, and looks
// at the configuration when its file has changed.
func (d *daemon) watchFiles(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			d.restoreSocket()
			d.compareFile()
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
