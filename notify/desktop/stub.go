//go:build !linux && !freebsd && !netbsd && !openbsd && !dragonfly

package desktop

import (
	"context"

	"github.com/bilikeeper/bilikeeper/notify"
)

// Channel does not work on this system.
type Channel struct{}

// New returns ErrUnsupported.
func New(Config) (*Channel, error) { return nil, ErrUnsupported }

// Send returns ErrUnsupported.
func (*Channel) Send(context.Context, notify.Message) (notify.Receipt, error) {
	return notify.Receipt{}, &notify.SendError{Err: ErrUnsupported}
}

// Close does nothing.
func (*Channel) Close() error { return nil }
