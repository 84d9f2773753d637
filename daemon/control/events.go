package control

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

const (
	usualLimit = 1000
	mostLimit  = 10000
	// page is how many entries are taken from the journal at a time.
	page = 256
)

// eventQuery says which entries a reader wants.
type eventQuery struct {
	after    uint64
	hasAfter bool
	since    time.Time
	account  string
	types    []string
	limit    int
	hasLimit bool
}

func readEventQuery(query url.Values) (eventQuery, error) {
	q := eventQuery{account: query.Get("account"), limit: usualLimit}
	var err error
	if q.after, q.hasAfter, err = counter(query, "after"); err != nil {
		return q, err
	}
	if q.since, err = moment(query.Get("since")); err != nil {
		return q, err
	}
	if types := query.Get("type"); types != "" {
		q.types = strings.Split(types, ",")
	}
	limit, ok, err := counter(query, "limit")
	if err != nil || ok && (limit < 1 || limit > mostLimit) {
		return q, badRequest("the parameter \"limit\" is a number from 1 to %d", mostLimit)
	}
	if ok {
		q.limit, q.hasLimit = int(limit), true
	}
	return q, nil
}

// moment reads a time, or a duration back from now.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return time.Now().Add(-d), nil
	}
	return time.Time{}, badRequest("the parameter \"since\" is a time as in 2026-11-20T01:02:03Z or a duration as in 24h")
}

// wants reports whether an entry is asked for, and permitted. Entries of no
// account are about the keeper as a whole.
func (q eventQuery) wants(e client.Event, own socket.Rights) bool {
	account := e.Account
	if account == "" {
		account = socket.Every
	}
	return !e.Time.Before(q.since) &&
		(q.account == "" || q.account == e.Account) &&
		(len(q.types) == 0 || slices.Contains(q.types, e.Type)) &&
		own.May(socket.VerbStatus, account)
}

// journal serves the entries of the journal: as a list, as a stream, and as the
// messages that people are told.
type journal struct {
	*access
	store    *store.Store
	tail     tail
	messages alert.Reader
	ending   ending
	// status is what a reader is given that has lost entries.
	status func(socket.Rights) client.Status
}

func (j *journal) events(w http.ResponseWriter, r *http.Request) error {
	q, err := readEventQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if wantsStream(r) {
		if q.hasLimit {
			return badRequest("a stream has no \"limit\"")
		}
		return j.stream(w, r, q)
	}
	list, err := j.list(r, q)
	if err != nil {
		return err
	}
	return writeJSON(w, list)
}

// list collects the oldest entries beyond after, or the newest without it.
func (j *journal) list(r *http.Request, q eventQuery) ([]client.Event, error) {
	own := j.of(r)
	position := q.after
	read := j.store.Events
	if position == 0 { // the beginning, wherever that is by now
		read = j.store.Rest
	}
	list := []client.Event{}
	for r.Context().Err() == nil {
		entries, err := read(position, page)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			position = e.ID
			if !q.wants(e, own) {
				continue
			}
			list = append(list, tidy(e))
			if q.hasAfter && len(list) == q.limit {
				return list, nil
			}
		}
		if extra := len(list) - q.limit; extra > 0 {
			list = slices.Delete(list, 0, extra)
		}
		if len(entries) < page {
			return list, nil
		}
	}
	return nil, r.Context().Err()
}

func tidy(e client.Event) client.Event {
	if len(e.Data) == 0 {
		e.Data = []byte("{}")
	}
	return e
}

// beginning is the position before the oldest entry that is left, at or after a
// given one, and never beyond the newest.
func (j *journal) beginning(from uint64) uint64 {
	oldest := max(j.store.Oldest(), 1)
	return min(max(from, oldest-1), j.store.Newest())
}

func wantsStream(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, header := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(header, ",") {
			if kind, _, _ := mime.ParseMediaType(one); kind == "text/event-stream" {
				return true
			}
		}
	}
	return false
}

// resumeFrom is the position that a reconnecting reader names. The header
// comes before the address: a reader repeats the address as it first was.
func resumeFrom(r *http.Request, q eventQuery) (position uint64, ok bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return q.after, q.hasAfter, nil
	}
	position, err = strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, false, badRequest("the header Last-Event-ID is an event's id")
	}
	return position, true, nil
}
