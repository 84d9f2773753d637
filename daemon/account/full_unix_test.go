//go:build unix

package account_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// alone is set for a process that runs the test on a full disk and nothing else.
const alone = "BILIKEEPER_TEST_FULL_DISK"

// fill lets every write of this process to a file run into a limit, as into a full
// disk, until the function that it returns is called.
func fill(t *testing.T) (makeRoom func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		l := was
		l.Cur = min(was.Cur, n)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
			t.Error(err)
		}
	}
	limit(8 << 10) // the vault's first two pages, which come last of all
	return func() { limit(was.Cur) }
}

// TestAFullDiskLosesNothing: what the site gives once is kept in memory until there is
// room, nothing else is done meanwhile, and people are told. What is not begun yet is
// not begun.
func TestAFullDiskLosesNothing(t *testing.T) {
	if os.Getenv(alone) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAFullDiskLosesNothing$")
		cmd.Env = append(os.Environ(), alone+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(unix.SIGXFSZ) // which comes besides the error
	for name, c := range map[string]struct {
		begin func(h *fixture)
		path  string // whose answer is to be kept
		do    func(h *fixture) error
	}{
		"a login that is granted": {begin: func(h *fixture) { h.startLogin() }, path: passporttest.PathPoll, do: func(h *fixture) error {
			h.scan(h.code(), mid)
			time.Sleep(3 * time.Second)
			return nil
		}},
		"a new pair": {begin: (*fixture).logIn, path: passporttest.PathRefresh, do: func(h *fixture) error {
			_, rotated, err := account.Rotation{Worker: h.w}.Now(context.Background(), true)
			if !rotated {
				t.Error("it is not rotated")
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				c.begin(h)
				var makeRoom func()
				h.wire.watch(nil, func(r *http.Request) {
					if r.URL.Path == c.path && makeRoom == nil && (c.path != passporttest.PathPoll || len(h.site.Sessions(mid)) > 0) {
						makeRoom = fill(t)
					}
				})
				done := make(chan error, 1)
				go func() { done <- c.do(h) }()
				time.Sleep(10 * time.Minute)
				asked := h.site.Requests(passporttest.Any)
				if told := h.problems.Of("account main"); !strings.Contains(told, "no space") || !h.log.has("keeping it in memory") {
					t.Errorf("people are told %q", told)
				}
				time.Sleep(10 * time.Minute)
				h.wantRequests(passporttest.Any, asked)
				makeRoom()
				if err := <-done; err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				h.wantState(lifecycle.StateValid)
				if !h.site.Alive(h.sessdata()) || h.onDisk().Generation != h.is().Generation {
					t.Errorf("%+v", h.is())
				}
				if told := h.problems.Sentences(); len(told) != 0 {
					t.Errorf("people are told %q", told)
				}
			})
		})
	}
	run(t, nil, func(h *fixture) {
		h.logIn()
		makeRoom := fill(t)
		h.site.ResetLog()
		_, _, err := account.Rotation{Worker: h.w}.Now(context.Background(), true)
		if !isProblem(err, client.ProblemStorage) {
			t.Errorf("%v", err)
		}
		h.wantRequests(passporttest.PathCorrespond, 0)
		if _, err := (account.Login{Worker: h.w}).Start(context.Background(), client.MethodQR, time.Time{}, false); !isProblem(err, client.ProblemStorage) {
			t.Errorf("%v", err)
		}
		h.wantRequests(passporttest.PathGenerate, 0)
		time.Sleep(9 * time.Hour)
		makeRoom()
		time.Sleep(time.Hour)
		if r := h.onDisk(); r.LastCheck != lifecycle.OutcomeOK || time.Since(r.CheckedAt) > time.Hour {
			t.Errorf("%+v", r.Brief)
		}
	})
}
