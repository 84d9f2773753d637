package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// heartbeat is how often a silent stream shows that it lives.
const heartbeat = 15 * time.Second

// stream is a reader's cursor into the journal. It is woken by a signal that
// carries nothing and then reads what there is, so that a slow reader loses
// nothing and holds up nobody.
type stream struct {
	journal *journal
	out     http.ResponseWriter
	peer    socket.Peer
	query   eventQuery
	// position is the last entry that was looked at, told the last id that
	// the reader was given.
	position, told uint64
}

func (j *journal) stream(w http.ResponseWriter, r *http.Request, q eventQuery) error {
	st := &stream{journal: j, out: w, peer: socket.PeerOf(r.Context()), query: q}
	lost, err := st.start(r)
	if err != nil {
		return err
	}
	st.told = ^st.position // nothing was told yet
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	// The position comes first, so that a reader that breaks off before the
	// first entry resumes without a hole.
	first := st.beat
	if lost {
		first = st.gap
	}
	if err := first(); err != nil {
		return gone(err)
	}
	return gone(st.follow(r))
}

// errGone means that the reader takes no more.
var errGone = errors.New("the reader is gone")

// gone drops that error: it is a stream's usual end.
func gone(err error) error {
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// follow sends what comes until somebody leaves.
func (st *stream) follow(r *http.Request) error {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		told := st.journal.store.Told()
		wrote, err := st.pump(r)
		if err != nil {
			return err
		}
		if wrote {
			timer.Reset(heartbeat)
		}
		select {
		case <-told:
		case <-timer.C:
			if err := st.beat(); err != nil {
				return err
			}
			timer.Reset(heartbeat)
		case <-st.journal.ending:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// start finds the position to follow after; lost is true where the reader's
// own is of no use any more.
func (st *stream) start(r *http.Request) (lost bool, err error) {
	position, named, err := resumeFrom(r, st.query)
	if err != nil {
		return false, err
	}
	newest := st.journal.store.Newest()
	switch {
	case !named && st.query.since.IsZero():
		st.position = newest
	case named && position > newest:
		// An id from the future comes from a journal that was replaced by
		// an older copy. What it told is not what this one tells.
		st.position, lost = newest, true
	default:
		st.position = st.journal.beginning(position)
		lost = named && position != 0 && st.position != position
	}
	return lost, err
}

// pump sends everything that is there.
func (st *stream) pump(r *http.Request) (wrote bool, err error) {
	for r.Context().Err() == nil {
		entries, err := st.journal.tail.after(st.position)
		if isProblem(err, client.ProblemFellOut) {
			st.position = st.journal.beginning(st.position)
			if err = st.gap(); err == nil {
				continue
			}
		}
		if err != nil {
			return wrote, err
		}
		own := st.journal.rights(st.peer)
		var batch []byte
		for _, e := range entries {
			st.position = e.ID
			switch {
			case !st.query.wants(e.Event, own):
				continue
			case batch == nil:
				batch = slices.Clip(e.frame) // the frame itself, where it stays the only one
			default:
				batch = append(batch, e.frame...)
			}
			st.told = e.ID
		}
		if batch != nil {
			wrote = true
			if err := st.write(batch); err != nil {
				return wrote, err
			}
		}
		if len(entries) < page {
			return wrote, nil
		}
	}
	return wrote, nil
}

// gap tells the reader that entries are lost, and how things stand now.
func (st *stream) gap() error {
	snapshot, err := json.Marshal(st.journal.status(st.journal.rights(st.peer)))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = frame(&out, client.Event{ID: st.position, Time: time.Now().UTC(), Type: client.EventGap, Data: snapshot})
	if err != nil {
		return err
	}
	st.told = st.position
	return st.write(out.Bytes())
}

// beat writes a comment, and the position where it moved past entries that
// the reader does not see: without that it would fall out of the journal
// while nothing happens to its accounts.
func (st *stream) beat() error {
	text := ": \n\n"
	if st.told != st.position {
		st.told = st.position
		text = fmt.Sprintf(":\nid: %d\n\n", st.position)
	}
	return st.write([]byte(text))
}

// frame writes one event. Its JSON is one line, so one data field holds it.
func frame(out *bytes.Buffer, e client.Event) error {
	data, err := json.Marshal(tidy(e))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
	return err
}

func (st *stream) write(data []byte) error {
	mayWrite(st.out)
	if _, err := st.out.Write(data); err != nil {
		return errGone
	}
	if err := http.NewResponseController(st.out).Flush(); err != nil {
		return errGone
	}
	return nil
}

// tail is the journal's end, read and put into frames once for all who follow it.
// Whoever is further behind reads the journal.
type tail struct {
	store *store.Store

	mu sync.Mutex // guards what follows
	// entries are those after from, up to end. Nobody changes one that is in there.
	entries   []framed
	from, end uint64
}

// framed is an entry as streams send it.
type framed struct {
	client.Event
	frame []byte
}

// after returns up to a page of entries after an id, as [store.Store.Events] does.
func (t *tail) after(id uint64) ([]framed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.entries) == 0 || id > t.end {
		t.entries, t.from, t.end = nil, id, id
	}
	if id < t.from {
		return t.read(id)
	}
	if t.store.Newest() > t.end {
		more, err := t.read(t.end)
		if err != nil {
			return nil, err
		}
		t.add(more)
	}
	at, _ := slices.BinarySearchFunc(t.entries, id+1, func(e framed, id uint64) int { return int(int64(e.ID) - int64(id)) })
	return slices.Clip(t.entries[at:min(at+page, len(t.entries))]), nil
}

// add appends what was read, and lets go of what is far behind.
func (t *tail) add(more []framed) {
	if len(more) == 0 {
		return
	}
	if over := len(t.entries) + len(more) - 2*page; over > 0 && over <= len(t.entries) {
		t.from = t.entries[over-1].ID
		t.entries = slices.Clone(t.entries[over:]) // others may still read the old ones
	}
	t.entries = append(t.entries, more...)
	t.end = more[len(more)-1].ID
}

func (t *tail) read(id uint64) ([]framed, error) {
	entries, err := t.store.Events(id, page)
	if err != nil {
		return nil, err
	}
	list := make([]framed, 0, len(entries))
	for _, e := range entries {
		var out bytes.Buffer
		if err := frame(&out, e); err != nil {
			return nil, err
		}
		list = append(list, framed{e, out.Bytes()})
	}
	return list, nil
}
