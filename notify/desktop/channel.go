//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/notify"
)

// Channel shows messages in the desktop session. It is safe for concurrent use.
type Channel struct {
	cfg Config
	// open shows a page or a file to the user; token is the desktop's permission
	// to come to the front, "" where it gave none.
	open func(ctx context.Context, target, token string) error
	// linger is how long a code stays after its end: the next one, which takes
	// its place, is a moment late.
	linger time.Duration
	// life ends with Close.
	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	// turn is held while a notification is being shown, so that a button that is
	// pressed at once is known. It is taken before mu.
	turn sync.Mutex

	mu  sync.Mutex // guards all below, and the files of what is shown
	bus *bus
	// owner is whose ids the shown ones are: a service that has restarted counts
	// anew, and an old id could replace another program's notification.
	owner string
	can   []string
	shown []*shown
}

func (c Config) withDefaults() Config {
	c.AppName = cmp.Or(c.AppName, "bilikeeper")
	c.OpenLabel = cmp.Or(c.OpenLabel, "Show the code")
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); c.PictureDir == "" && filepath.IsAbs(runtime) {
		c.PictureDir = filepath.Join(runtime, "bilikeeper-agent")
	}
	if c.Trouble == nil {
		c.Trouble = func(error) {}
	}
	return c
}

// New prepares a channel. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	c := &Channel{cfg: cfg.withDefaults(), open: xdgOpen, linger: 5 * time.Second}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Close disconnects, removes the files and ends all that runs. What is on the
// screen stays there: the next process goes on with it.
func (c *Channel) Close() error {
	c.end()
	c.mu.Lock()
	if c.bus != nil {
		c.bus.close()
		c.bus = nil
	}
	c.forgetAll()
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Send shows the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	return c.put(ctx, m, handle{})
}

// Replace implements notify.Replacer. A message of an earlier session is gone,
// so the new one is shown by itself then.
func (c *Channel) Replace(ctx context.Context, m notify.Message, earlier notify.Handle) (notify.Receipt, error) {
	h, err := parseHandle(earlier)
	if err != nil {
		return notify.Receipt{}, err
	}
	return c.put(ctx, m, h)
}

// Retract implements notify.Retractor.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	h, err := parseHandle(earlier)
	if err != nil {
		return err
	}
	b, err := c.connect(ctx)
	if err == nil && c.release(h, b.session(b.owner(ctx))) {
		err = b.take(ctx, h.id)
	}
	if err != nil {
		return explain(ctx, err)
	}
	return nil
}

func (c *Channel) put(ctx context.Context, m notify.Message, earlier handle) (notify.Receipt, error) {
	if m.Expired(time.Now()) {
		return notify.Receipt{}, &notify.SendError{Err: notify.ErrExpired}
	}
	var now handle
	var err error
	// A session that was left and entered again has a new bus; the loss of the
	// old one shows only when it is used.
	for range 2 {
		var b *bus
		if b, err = c.connect(ctx); err != nil {
			break
		}
		now, err = c.show(ctx, b, m, earlier)
		if err == nil || b.conn.Connected() {
			break
		}
	}
	if err != nil {
		return notify.Receipt{}, explain(ctx, err)
	}
	return notify.Receipt{Answer: fmt.Sprintf("notification %d", now.id), Handle: now.text()}, nil
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
	c.forgetAll()
	c.bus, c.owner = fresh, ""
	c.wg.Go(func() { c.listen(fresh) })
	return fresh, nil
}

// show makes the call, in the place of the earlier message or of the thread's
// last one.
func (c *Channel) show(ctx context.Context, b *bus, m notify.Message, earlier handle) (handle, error) {
	can, err := c.meet(ctx, b)
	if err != nil {
		return handle{}, err
	}
	n := compose(c.cfg, m, can, time.Now())
	n.replaces = c.lastOf(m.Thread)
	h := handle{session: b.session(c.ownerNow()), message: m.ID}
	if earlier.session == h.session {
		n.replaces = earlier.id
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	err = b.call(ctx, "Notify", c.cfg.AppName, n.replaces, n.icon, n.title, n.body, n.actions, n.hints, n.timeout).Store(&h.id)
	if err != nil {
		return handle{}, err
	}
	s := &shown{thread: m.Thread, message: m.ID, id: h.id, page: n.page, png: n.png}
	if m.Login != nil {
		s.expires = m.Login.ExpiresAt
	}
	c.remember(s)
	return h, nil
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
	c.forgetAll()
	c.owner, c.can = owner, can
	return can, nil
}

func (c *Channel) ownerNow() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owner
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
