package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is one that a program is run at, and what it showed.
type terminal struct {
	file  *os.File
	mu    sync.Mutex // guards what follows
	shown bytes.Buffer
}

// startAtTerminal starts a program at a terminal of that size, until the test ends.
func startAtTerminal(t *testing.T, cmd *exec.Cmd, columns, lines uint16) *terminal {
	t.Helper()
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(file.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns}); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = other, other, other
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = other.Close()
	tty := &terminal{file: file}
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			tty.mu.Lock()
			tty.shown.Write(buffer[:n])
			tty.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = file.Close()
		reading.Wait()
	})
	return tty
}

func (tty *terminal) text() string {
	tty.mu.Lock()
	defer tty.mu.Unlock()
	return tty.shown.String()
}

// await waits until a text was shown so many times.
func (tty *terminal) await(t *testing.T, text string, times int) {
	t.Helper()
	if err := retry(func() error {
		if n := strings.Count(tty.text(), text); n < times {
			return fmt.Errorf("%q was shown %d times", text, n)
		}
		return nil
	}); err != nil {
		t.Fatalf("%v; the terminal shows\n%s", err, tty.text())
	}
}

func (tty *terminal) write(t *testing.T, text string) {
	t.Helper()
	if _, err := tty.file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
