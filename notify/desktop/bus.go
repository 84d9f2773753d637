//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	service    = "org.freedesktop.Notifications"
	objectPath = "/org/freedesktop/Notifications"
)

// sessionBus finds the address of the session's bus. The library's own search
// would launch a bus where there is none, which nobody would ever look at, and
// changes the environment of the process.
func sessionBus() (string, bool) {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return address, true
	}
	dirs := []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, "bus")
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(path), true
		}
	}
	return "", false
}

// bus is a connection, and what is known of the service behind it.
type bus struct {
	conn   *dbus.Conn
	cancel context.CancelFunc
	// id is the bus's own, which no other bus has, nor the same one after it was
	// started again.
	id string
	// signals is closed by the connection when that ends.
	signals chan *dbus.Signal
}

// dial connects within ctx; the connection then lives until close.
func dial(ctx context.Context, address string) (*bus, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	conn, err := dbus.Connect(address, dbus.WithContext(life))
	id := ""
	if err == nil {
		err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetId", 0).Store(&id)
	}
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(objectPath), dbus.WithMatchInterface(service))
	}
	if !stop() || err != nil {
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	b := &bus{conn: conn, cancel: cancel, id: id, signals: make(chan *dbus.Signal, 16)}
	conn.Signal(b.signals)
	return b, nil
}

func (b *bus) close() {
	_ = b.conn.Close()
	b.cancel()
}

// owner is the unique name of the service, "" where none runs yet.
func (b *bus) owner(ctx context.Context) string {
	var name string
	if err := b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, service).Store(&name); err != nil {
		return ""
	}
	return name
}

// capabilities are what the service says that it can do, and what is known of it.
func (b *bus) capabilities(ctx context.Context) ([]string, error) {
	var list []string
	if err := b.call(ctx, "GetCapabilities").Store(&list); err != nil {
		return nil, err
	}
	var name, vendor, version, standard string
	err := b.call(ctx, "GetServerInformation").Store(&name, &vendor, &version, &standard)
	if err == nil && name == "Xfce Notify Daemon" {
		list = append(list, buttonForDefault)
	}
	return list, nil
}

// take closes a notification. One that is not there any more is as good.
func (b *bus) take(ctx context.Context, id uint32) error {
	err := b.call(ctx, "CloseNotification", id).Err
	if _, ok := errors.AsType[dbus.Error](err); ok {
		return nil
	}
	return err
}

func (b *bus) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return b.conn.Object(service, objectPath).CallWithContext(ctx, service+"."+method, 0, args...)
}
