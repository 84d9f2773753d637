package periodic

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestEach: the first time after one interval, none behind a slow one, none after
// the end.
func TestEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 6500*time.Millisecond)
		defer cancel()
		var at []time.Duration
		for range Each(ctx, time.Second) {
			at = append(at, time.Since(began))
			if len(at) == 2 {
				time.Sleep(2500 * time.Millisecond)
			}
		}
		// The ticker holds one time that was missed, and leaves the others out.
		want := []time.Duration{time.Second, 2 * time.Second, 4500 * time.Millisecond, 5 * time.Second, 6 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("it ran at %v, want %v", at, want)
		}
		if ended := time.Since(began); ended != 6500*time.Millisecond {
			t.Errorf("it ended after %v", ended)
		}
	})
}

func TestBodyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		for range Each(t.Context(), time.Minute) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Errorf("it ran %d times", n)
		}
	})
}

func TestEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range Each(ctx, time.Hour) {
			t.Error("it ran")
		}
	})
}
