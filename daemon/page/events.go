package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	heartbeat = 15 * time.Second
	// lookAgain is how often a stream looks without having been woken: a scan
	// that is under way is not a change of the journal each time.
	lookAgain = time.Second
)

// stream sends the state whenever it has changed, until the matter has ended or
// the reader leaves. There is one end and nothing after it.
func (p *loginPages) stream(w http.ResponseWriter, r *http.Request, l *link) error {
	alive, err := p.admitted(r, l)
	if err != nil {
		return err
	}
	if !l.enter() {
		return &fault{http.StatusTooManyRequests, keySlowDown}
	}
	defer l.leave()
	control := http.NewResponseController(w)
	// The server's limit on reading would end the stream.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	// nginx would hold the events back otherwise.
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	f := feed{out: w, control: control}
	p.feed(r, l, &f, alive)
	return nil
}

func (p *loginPages) feed(r *http.Request, l *link, f *feed, alive bool) {
	again, beat := time.NewTicker(lookAgain), time.NewTicker(heartbeat)
	defer again.Stop()
	defer beat.Stop()
	for {
		changed := p.parts.Keeper.Store().Changed()
		before, busy := l.exchanging()
		s := p.look(l, alive)
		if after, _ := l.exchanging(); !busy && before == after {
			if !f.tell(s) || s.Ended() {
				return
			}
			p.attend(r.Context(), l)
		}
		select {
		case <-changed:
		case <-again.C:
		case <-beat.C:
			if !f.write([]byte(":\n\n")) {
				return
			}
		case <-p.closing:
			return
		case <-r.Context().Done():
			return
		}
		alive = p.alive(l)
	}
}

// feed is a reader of events.
type feed struct {
	out     http.ResponseWriter
	control *http.ResponseController
	last    state
	told    bool
}

// tell sends a state that the reader does not have; false means that the reader
// is gone.
func (f *feed) tell(s state) bool {
	if f.told && s.same(f.last) {
		return true
	}
	data, err := json.Marshal(s)
	if err != nil {
		return false
	}
	f.last, f.told = s, true
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "event: state\ndata: %s\n\n", data)
	return f.write(out.Bytes())
}

func (f *feed) write(data []byte) bool {
	_ = f.control.SetWriteDeadline(time.Now().Add(slow))
	_, err := f.out.Write(data)
	return err == nil && f.control.Flush() == nil
}
