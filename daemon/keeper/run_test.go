package keeper

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// A stop comes to an end, whatever hangs.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := new(atomic.Pointer[vault.File])
		ended := make(chan error, 1)
		failure := errors.New("the end")
		ended <- failure
		if err := (stopping{ended, open}).wait(); !errors.Is(err, failure) {
			t.Errorf("one that ends: %v", err)
		}

		began := time.Now()
		err := stopping{ended, open}.wait()
		if !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "disk") || time.Since(began) > diskStop+time.Second {
			t.Errorf("nothing answers: %v after %s", err, time.Since(began))
		}

		dir := filepath.Join(t.TempDir(), "state")
		v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		open.Store(v)
		began = time.Now()
		err = stopping{ended, open}.wait()
		if took := time.Since(began); !errors.Is(err, ErrStuck) || strings.Contains(err.Error(), "disk") || took != longestStop {
			t.Errorf("the disk answers: %v after %s", err, took)
		}
	})
}
