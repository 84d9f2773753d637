package servicemanager

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// manager is a service manager that is listened to.
func manager(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		if err := l.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 4096)
		n, err := l.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(text[:n])
	}
}

func TestWhatIsTold(t *testing.T) {
	told := manager(t)
	if err := Ready(); err != nil {
		t.Fatal(err)
	}
	if got := told(); got != "READY=1" {
		t.Errorf("ready: %q", got)
	}
	Status("2 accounts,\n1 needs a login")
	if got := told(); got != "STATUS=2 accounts, 1 needs a login" {
		t.Errorf("status: %q", got)
	}
	over := Reloading()
	if got := told(); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[0-9]{4,}$`).MatchString(got) {
		t.Errorf("reloading: %q", got)
	}
	over()
	if got := told(); got != "READY=1" {
		t.Errorf("after a reload: %q", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	over = Stopping(ctx)
	defer over()
	stop()
	if got := told(); got != "STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000" {
		t.Errorf("stopping: %q", got)
	}
}

func TestWatchdogIsFedByWorkAlone(t *testing.T) {
	told := manager(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	asked := make(chan struct{})
	works := make(chan error)
	go Watchdog(ctx, func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the work has no deadline")
		}
		asked <- struct{}{}
		return <-works
	})
	<-asked
	works <- errors.New("stuck")
	<-asked
	works <- nil
	if got := told(); got != "WATCHDOG=1" {
		t.Errorf("watchdog: %q", got)
	}
	Status("nothing came before this")
	if got := told(); got != "STATUS=nothing came before this" {
		t.Errorf("work that failed was told of as well: %q", got)
	}
	stop()
	select {
	case <-asked:
		works <- nil
	default:
	}
}

func TestNobodyIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if Present() || Ready() != nil {
		t.Error("there is a service manager")
	}
	Stopping(t.Context())()
}
