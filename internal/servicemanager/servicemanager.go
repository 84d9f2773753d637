// Package servicemanager tells the service manager that started this process how
// it is doing: systemd, and what speaks its protocol. Without one, nothing is
// told. What is told is the caller's; no rule of the keeper may come in.
//
// Guarantees: nothing here waits for the service manager, and a stop asks for
// more time for a bounded while only.
package servicemanager

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/bilikeeper/bilikeeper/internal/periodic"
)

const (
	// extension is the time that a stop asks for, again at each half of it.
	extension = 20 * time.Second
	// longestStop bounds all of it: what hangs for longer is the service
	// manager's to end.
	longestStop = 90 * time.Second
)

// Present reports whether a service manager wants to be told anything.
func Present() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Ready tells that the start is over.
func Ready() error { return tell(daemon.SdNotifyReady) }

// Status tells in words how the process is doing.
func Status(text string) { _ = tell("STATUS=" + strings.ReplaceAll(text, "\n", " ")) }

// Reloading tells that the configuration is being read anew. The result tells
// that this is over, however it ended.
func Reloading() (over func()) {
	text := daemon.SdNotifyReloading
	if now, ok := monotonic(); ok {
		text += fmt.Sprintf("\nMONOTONIC_USEC=%d", now.Microseconds())
	}
	_ = tell(text)
	return func() { _ = Ready() }
}

// Stopping waits for the end of ctx, which is when the process was asked to
// stop, and tells of it. It asks for more time until the result is called.
func Stopping(ctx context.Context) (over func()) {
	if !Present() {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			askForTime(done)
		case <-done:
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

func askForTime(done <-chan struct{}) {
	state := daemon.SdNotifyStopping + "\n"
	again := time.NewTicker(extension / 2)
	defer again.Stop()
	for began := time.Now(); time.Since(began) < longestStop; {
		_ = tell(fmt.Sprintf("%sEXTEND_TIMEOUT_USEC=%d", state, extension.Microseconds()))
		state = ""
		select {
		case <-again.C:
		case <-done:
			return
		}
	}
}

// Watchdog tells that the process works, as often as the service manager wants
// it, each time that works returns nil. The context that works gets ends when
// the next time has come.
func Watchdog(ctx context.Context, works func(context.Context) error) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return
	}
	for range periodic.Each(ctx, interval/2) {
		once, cancel := context.WithTimeout(ctx, interval/2)
		if works(once) == nil {
			_ = tell(daemon.SdNotifyWatchdog)
		}
		cancel()
	}
}

func tell(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}
