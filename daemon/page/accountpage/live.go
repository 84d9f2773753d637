package accountpage

import (
	"net/http"
	"time"
)

const (
	// maxStreams bounds the open documents that are kept fresh.
	maxStreams = 64
	heartbeat  = 15 * time.Second
	// gather is the least time between two signs that something has changed, and
	// how soon a session that was ended has no stream any more.
	gather = time.Second
)

// live tells a document that something has changed, and nothing else: it fetches
// itself anew then.
func (p *Page) live(w http.ResponseWriter, r *http.Request, v visit) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	// Before the stream begins, so that nothing is missed after it has.
	told := p.Keeper.Store().Newest()
	control := http.NewResponseController(w)
	// The server's limit on reading would end the stream.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	// nginx would hold the events back otherwise.
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	write := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(slow))
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	if !write("retry: 3000\n\n") {
		return
	}
	look, beat := time.NewTicker(gather), time.NewTicker(heartbeat)
	defer look.Stop()
	defer beat.Stop()
	for {
		select {
		case <-look.C:
			if p.SignIn.Session(v.cookie) == "" {
				write("event: gone\ndata: \n\n")
				return
			}
			if newest := p.Keeper.Store().Newest(); newest != told {
				told = newest
				if !write("event: changed\ndata: \n\n") {
					return
				}
			}
		case <-beat.C:
			if !write(":\n\n") {
				return
			}
		case <-p.frame.Closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}
