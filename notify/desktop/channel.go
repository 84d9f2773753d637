//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/notify"
)

// maxThreads bounds what is remembered of notifications that were shown.
const maxThreads = 32

// shown is a notification that is, or was, on the screen.
type shown struct {
	thread string
	id     uint32
	page   string
}

// Channel shows messages in the desktop session. It is safe for concurrent use.
type Channel struct {
	cfg Config
	// open shows an address to the user.
	open func(ctx context.Context, address string) error
	// life ends with Close.
	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu  sync.Mutex // guards all below
	bus *bus
	// owner is whose ids the shown ones are: a service that has restarted counts
	// anew, and an old id could replace another program's notification.
	owner string
	can   []string
	shown []shown
}

// New prepares a channel. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	c := &Channel{cfg: cfg.withDefaults(), open: xdgOpen}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Close disconnects and ends all that runs.
func (c *Channel) Close() error {
	c.end()
	c.mu.Lock()
	if c.bus != nil {
		c.bus.close()
		c.bus = nil
	}
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Send shows the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if m.Expired(time.Now()) {
		return notify.Receipt{}, &notify.SendError{Err: notify.ErrExpired}
	}
	var id uint32
	var err error
	// A session that was left and entered again has a new bus; the loss of the
	// old one shows only when it is used.
	for range 2 {
		var b *bus
		if b, err = c.connect(ctx); err != nil {
			break
		}
		id, err = c.show(ctx, b, m)
		if err == nil || b.conn.Connected() {
			break
		}
	}
	if err != nil {
		return notify.Receipt{}, explain(ctx, err)
	}
	return notify.Receipt{Answer: fmt.Sprintf("notification %d", id)}, nil
}

// connect returns the connection there is, or makes one.
func (c *Channel) connect(ctx context.Context) (*bus, error) {
	c.mu.Lock()
	b := c.bus
	c.mu.Unlock()
	if b != nil && b.conn.Connected() {
		return b, nil
	}
	address := c.cfg.Address
	if address == "" {
		var ok bool
		if address, ok = sessionBus(); !ok {
			return nil, ErrNoSessionBus
		}
	}
	fresh, err := dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSessionBus, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		fresh.close()
		return nil, context.Canceled
	}
	if c.bus != nil {
		c.bus.close()
	}
	c.bus, c.owner, c.shown = fresh, "", nil
	c.wg.Go(func() { c.listen(fresh) })
	return fresh, nil
}

// show makes the call, in the place of the thread's last notification.
func (c *Channel) show(ctx context.Context, b *bus, m notify.Message) (uint32, error) {
	can, err := c.meet(ctx, b)
	if err != nil {
		return 0, err
	}
	n := compose(c.cfg, m, can, time.Now())
	n.replaces = c.lastOf(m.Thread)
	var id uint32
	err = b.call(ctx, "Notify", c.cfg.AppName, n.replaces, n.icon, n.title, n.body, n.actions, n.hints, n.timeout).Store(&id)
	if err != nil {
		return 0, err
	}
	c.remember(shown{thread: m.Thread, id: id, page: n.page})
	return id, nil
}

// meet asks a service that is new what it can do; asking also starts one that
// the bus starts on demand.
func (c *Channel) meet(ctx context.Context, b *bus) ([]string, error) {
	owner := b.owner(ctx)
	c.mu.Lock()
	can, known := c.can, owner != "" && owner == c.owner
	c.mu.Unlock()
	if known {
		return can, nil
	}
	can, err := b.capabilities(ctx)
	if err != nil {
		return nil, err
	}
	owner = b.owner(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.can, c.shown = owner, can, nil
	return can, nil
}

func (c *Channel) lastOf(thread string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.shown, func(s shown) bool { return s.thread == thread })
	if i < 0 || thread == "" {
		return 0
	}
	return c.shown[i].id
}

func (c *Channel) remember(s shown) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = slices.DeleteFunc(c.shown, func(old shown) bool {
		return old.id == s.id || s.thread != "" && old.thread == s.thread
	})
	c.shown = append(c.shown, s)
	if over := len(c.shown) - maxThreads; over > 0 {
		c.shown = slices.Delete(c.shown, 0, over)
	}
}

// listen opens the page of a notification whose button is pressed. What comes
// over the bus was written by any program of the session, so its shape is
// checked, and it can choose among our own pages only.
func (c *Channel) listen(b *bus) {
	for signal := range b.signals {
		if signal.Name != service+".ActionInvoked" || len(signal.Body) < 2 {
			continue
		}
		id, ok := signal.Body[0].(uint32)
		key, ok2 := signal.Body[1].(string)
		if !ok || !ok2 || key != actionOpen && key != actionDefault {
			continue
		}
		c.mu.Lock()
		i := slices.IndexFunc(c.shown, func(s shown) bool { return s.id == id && s.page != "" })
		page := ""
		if i >= 0 {
			page = c.shown[i].page
		}
		c.mu.Unlock()
		if page != "" {
			c.wg.Go(func() { _ = c.open(c.life, page) })
		}
	}
}

// xdgOpen shows an address in the user's browser. The address is seen in the
// process list for a moment, as it is in the browser's own arguments.
func xdgOpen(ctx context.Context, address string) error {
	return exec.CommandContext(ctx, "xdg-open", address).Run()
}

// explain turns an error into one for the pipeline. Of what the service said
// only the error's name is kept.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &notify.SendError{Retry: true, Err: ctx.Err()}
	}
	if errors.Is(err, ErrNoSessionBus) {
		return &notify.SendError{Retry: true, Err: ErrNoSessionBus}
	}
	dbusErr, ok := errors.AsType[dbus.Error](err)
	if !ok {
		return &notify.SendError{Retry: true, Err: errors.New("the session bus broke off")}
	}
	const prefix = "org.freedesktop.DBus.Error."
	switch dbusErr.Name {
	case prefix + "ServiceUnknown", prefix + "NameHasNoOwner", prefix + "Spawn.ServiceNotFound":
		return &notify.SendError{Retry: true, Err: ErrNoService}
	case prefix + "InvalidArgs", prefix + "InvalidSignature", prefix + "UnknownMethod":
		return &notify.SendError{Err: fmt.Errorf("the notification service refuses: %s", dbusErr.Name)}
	}
	return &notify.SendError{Retry: true, Err: fmt.Errorf("the notification service fails: %s", dbusErr.Name)}
}
