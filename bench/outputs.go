//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// outputs measures from the promotion of a credential, before it is committed, until the
// files are on the disk and the commands have run, beside the same files written, flushed and renamed and the
// same commands run, with nothing else.
func (b *bench) outputs(n int) error {
	for i, outputs := range []int{1, 8} {
		r := &rotating{bench: b, account: fmt.Sprint("rotating-", outputs), mid: int64(5000000 + i), outputs: outputs, done: make(chan time.Time, outputs)}
		if err := r.measure(n); err != nil {
			return fmt.Errorf("%d outputs: %w", outputs, errors.Join(err, r.end(n)))
		}
		if err := r.end(n); err != nil {
			return err
		}
	}
	return nil
}

// rotating is an account with outputs.
type rotating struct {
	*bench
	account  string
	mid      int64
	outputs  int
	dir      string
	fifo     *os.File       // a line comes when a command runs
	done     chan time.Time // when it came
	promoted chan time.Time // when a credential was put to use, as the journal has it
	stop     func()
}

func (r *rotating) measure(n int) error {
	if err := r.begin(n); err != nil {
		return err
	}
	got, floor := series{}, series{}
	for range r.rounds {
		answered := make(chan error, 1)
		go func() {
			result, err := r.keeper.client.Refresh(context.Background(), r.account, true)
			if err == nil && result.Outcome != client.RefreshDone {
				err = fmt.Errorf("the refresh came to %s: %s", result.Outcome, result.Detail)
			}
			answered <- err
		}()
		begun, err := await(r.promoted)
		if err != nil {
			select {
			case refused := <-answered:
				err = errors.Join(err, refused)
			default:
			}
			return fmt.Errorf("the promotion: %w", err)
		}
		took, err := r.ran()
		if err != nil {
			return err
		}
		got = append(got, float64(took.Sub(begun))/1e6)
		if err := <-answered; err != nil {
			return err
		}
		least, err := r.floor()
		if err != nil {
			return err
		}
		floor = append(floor, least)
	}
	must := map[int]string{1: "≤ 8 ms", 8: "≤ 20 ms"}[r.outputs]
	r.add(row{name: fmt.Sprintf("rotation to files durable and commands run, outputs: %d", r.outputs), accounts: n, unit: "ms", got: got, floor: floor,
		floorsName: "the same written and run", must: must})
	return nil
}

// begin configures the outputs, logs the account in, and waits for the first files.
func (r *rotating) begin(n int) error {
	r.dir = filepath.Join(r.bench.dir, r.account+"-"+strconv.Itoa(n))
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(r.dir, "done")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		return err
	}
	var err error
	if r.fifo, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(r.fifo); lines.Scan(); {
			r.done <- time.Now()
		}
	}()
	text := r.settings(filepath.Join(r.bench.dir, "keeper"+strconv.Itoa(n)), never)
	for i := range r.outputs {
		text += fmt.Sprintf("[[output]]\nname = \"tool%d\"\naccount = %q\nformat = \"header\"\npath = %q\non_change = [\"/bin/sh\", \"-c\", %q]\n",
			i, r.account, r.file(i), r.script())
	}
	if err := r.configure(text); err != nil {
		return err
	}
	if err := r.login(); err != nil {
		return err
	}
	if _, err := r.ran(); err != nil {
		return err
	}
	return r.follow()
}

// login logs the account in as a person does: only such a login can be rotated.
func (r *rotating) login() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.site.AddUser(r.mid, "rotating")
	l, err := r.keeper.client.StartLogin(ctx, client.LoginRequest{Account: r.account})
	if err != nil {
		return err
	}
	if err := errors.Join(r.site.QR.Scan(l.URL, r.mid), r.site.QR.Confirm(l.URL, r.mid)); err != nil {
		return err
	}
	for {
		a, err := r.keeper.client.Account(ctx, r.account)
		if err != nil || a.State == client.StateValid {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// follow tells when a credential of the account is put to use.
func (r *rotating) follow() error {
	ctx, cancel := context.WithCancel(context.Background())
	list, err := r.keeper.client.Events(ctx, client.EventQuery{Limit: 1})
	if err != nil || len(list) == 0 {
		cancel()
		return errors.Join(err, errors.New("the journal is empty"))
	}
	promoted := make(chan time.Time, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.keeper.client.Follow(ctx, list[0].ID, func(e client.Event) error {
			if e.Type == client.EventRefreshed && e.Account == r.account {
				promoted <- e.Time
			}
			return nil
		})
	}()
	r.promoted = promoted
	r.stop = func() { cancel(); <-ended }
	return nil
}

// ran returns when the last of the commands ran.
func (r *rotating) ran() (last time.Time, err error) {
	for range r.outputs {
		if last, err = await(r.done); err != nil {
			return last, fmt.Errorf("the commands: %w", err)
		}
	}
	return last, nil
}

func await(times <-chan time.Time) (time.Time, error) {
	select {
	case at := <-times:
		return at, nil
	case <-time.After(time.Minute):
		return time.Time{}, errors.New("nothing came in a minute")
	}
}

func (r *rotating) file(i int) string { return filepath.Join(r.dir, "cookies"+strconv.Itoa(i)) }
func (r *rotating) script() string    { return "echo >> " + filepath.Join(r.dir, "done") }

// floor writes the same bytes as often, and runs the same command each time, all side
// by side. All files have to be the same by now.
func (r *rotating) floor() (float64, error) {
	content, err := os.ReadFile(r.file(0))
	for i := range r.outputs {
		other, failed := os.ReadFile(r.file(i))
		if err = errors.Join(err, failed); err == nil && !bytes.Equal(content, other) {
			err = fmt.Errorf("%s is another than %s", r.file(i), r.file(0))
		}
	}
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	err = each(r.outputs, r.outputs, func(i int) error {
		if err := durable.WriteFile(r.file(i)+".floor", content, 0o600); err != nil {
			return err
		}
		return exec.Command("/bin/sh", "-c", r.script()).Run()
	})
	if err != nil {
		return 0, err
	}
	last, err := r.ran()
	return float64(last.Sub(begun)) / 1e6, err
}

// end leaves the keeper as it was.
func (r *rotating) end(n int) error {
	if r.stop != nil {
		r.stop()
	}
	if r.fifo != nil {
		_ = r.fifo.Close()
	}
	err := r.configure(r.settings(filepath.Join(r.bench.dir, "keeper"+strconv.Itoa(n)), never))
	return errors.Join(err, r.keeper.client.Forget(context.Background(), r.account))
}
