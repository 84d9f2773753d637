//go:build unix

package secretfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// owned is a file of a user's, which only root can make.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (owned) Mode() fs.FileMode { return 0o600 }
func (o owned) Sys() any        { return &syscall.Stat_t{Uid: o.uid} }

func TestOwner(t *testing.T) {
	const me = 1000
	for _, tt := range []struct {
		reader, keeper int
		uid            uint32
		want           error
	}{
		{me, me, me, nil}, {me, me, 0, nil}, {me, me, me + 1, ErrOwner}, {me, me + 1, me + 1, ErrOwner},
		{0, 0, me + 1, ErrOwner}, {0, me, me + 1, ErrOwner}, {0, me, me, nil}, {0, 0, 0, nil}, {0, me, 0, nil},
	} {
		err := judge("/x", owned{uid: tt.uid}, 0o077, tt.reader, tt.keeper)
		if !errors.Is(err, tt.want) || tt.want != nil && !strings.Contains(err.Error(), "belongs to user 1001") {
			t.Errorf("user %d reads user %d's: %v", tt.reader, tt.uid, err)
		}
	}
}

// A pipe that nobody writes to is not waited for.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := This().Read(path)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrNotRegular) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("still waiting")
	}
}
