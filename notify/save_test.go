package notify

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSavingIsTriedUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := w.start(t, w.config("phone", w.accepting("phone")))
		defer p.stop()
		w.mu.Lock()
		w.saveErr = errors.New("no space left on device")
		w.mu.Unlock()
		w.add(message("m1", "login.required", "main"), message("m2", "login.required", "main"))
		after(3 * time.Hour)
		equal(t, "while the disk is full", w.gotIDs("phone"), []string{"m1"})
		w.mu.Lock()
		w.saveErr = nil
		w.mu.Unlock()
		after(2 * time.Minute)
		equal(t, "after", w.gotIDs("phone"), []string{"m1", "m2"})
		equal(t, "outcomes", w.outcomes("phone"), []string{"m1 delivered 1", "m2 delivered 1"})
	})
}

// What a stop interrupts in its saving is saved once more at the very end, with
// what there is to tell.
func TestTheLastSaveKeepsTheResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := w.start(t, w.config("phone", w.accepting("phone")))
		w.mu.Lock()
		w.saveErr = errors.New("no space left on device")
		w.mu.Unlock()
		w.add(message("m1", "login.required", "main"))
		after(100 * time.Millisecond)
		w.mu.Lock()
		w.saveErr = nil
		w.mu.Unlock()
		p.stop()
		equal(t, "outcomes", w.outcomes("phone"), []string{"m1 delivered 1"})
	})
}
