package daemon

import (
	"context"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// TestShownBeforeAnybodyIsWoken: whoever wakes up because of an event sees the
// state that belongs to it.
func TestShownBeforeAnybodyIsWoken(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		woken, shown := h.keeper.Changed(), false
		next := *h.keeper.find("main").shown.Load()
		err := h.keeper.store.saveRecord(&next, []happened{{Type: client.EventCheckOK, Account: "main"}}, func() {
			shown = true
			select {
			case <-woken:
				t.Error("somebody was woken before the state was shown")
			default:
			}
		})
		if err != nil || !shown {
			t.Fatalf("shown %v: %v", shown, err)
		}
		select {
		case <-woken:
		default:
			t.Error("nobody was woken")
		}
	})
}

// TestCodeIsToldWhileTheStateIsBehind: a channel that looks at the journal in
// the moment between an event's commit and the state being shown must not take
// a living code for a dead one, or nobody is ever sent it.
func TestCodeIsToldWhileTheStateIsBehind(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		a := h.keeper.find("main")
		before := a.shown.Load()
		h.kill()
		h.wantState(client.StateLoggingIn)
		behind := a.shown.Swap(before)
		told, _, err := messages{h.keeper}.Pending(context.Background(), 0, 100)
		a.shown.Store(behind)
		if err != nil {
			t.Fatal(err)
		}
		if last := told[len(told)-1]; last.Type != client.EventLoginCode || last.Login == nil {
			t.Errorf("the last message is %s", last.Type)
		}
	})
}
