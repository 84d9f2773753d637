package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Live, as the position to follow after, means: from now on.
const Live uint64 = math.MaxUint64

// EventQuery says which part of the journal is wanted. The zero value means
// the newest entries.
type EventQuery struct {
	// After is the id that the caller has seen. With it the oldest entries
	// beyond come first, so that pages follow each other; without it the
	// newest are given.
	After   uint64
	Since   time.Time
	Account string
	Types   []string
	// Limit bounds the answer; 0 means the keeper's own bound, 1000.
	Limit int
}

// Events lists entries of the journal, in the order of their ids, of the
// accounts that the caller may see. Problems: [ProblemFellOut] where the
// journal no longer goes back to After.
func (c *Client) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	query := filter(q.Account, q.Types)
	if q.After > 0 {
		query.Set("after", strconv.FormatUint(q.After, 10))
	}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return call[[]Event](ctx, c, request{method: http.MethodGet, path: "/v1/events", query: query})
}

func filter(account string, types []string) url.Values {
	query := url.Values{}
	if account != "" {
		query.Set("account", account)
	}
	if len(types) > 0 {
		query.Set("type", strings.Join(types, ","))
	}
	return query
}

// WatchQuery says which entries are followed, and from where.
type WatchQuery struct {
	// After is the id to follow after: 0 is the journal's beginning, [Live]
	// is now.
	After uint64
	// Since, with After 0, passes over what is older.
	Since   time.Time
	Account string
	Types   []string
	// Resume goes on after a connection that broke, from where it broke and
	// for as long as the context lasts, also while no keeper answers. The
	// first connection has to succeed.
	Resume bool
}

// Follow calls fn for every entry after the given id, as they come; after may
// be [Live]. It is Watch without a filter and without resuming.
func (c *Client) Follow(ctx context.Context, after uint64, fn func(Event) error) error {
	return c.Watch(ctx, WatchQuery{After: after}, fn)
}

// Watch calls fn for every entry that the query names, in order and one at a
// time. A slow fn loses nothing, but for entries that meanwhile fell out of
// the journal: then an event of type [EventGap] comes, whose data is a
// [Status], and the oldest entry that is left follows.
//
// It returns fn's error as it is, the context's, a *Problem, or [ErrBroken]
// when the keeper ends the stream. It never returns nil.
func (c *Client) Watch(ctx context.Context, q WatchQuery, fn func(Event) error) error {
	const longest = 30 * time.Second
	position := q.After
	connected, pause := false, time.Second
	for {
		before := position
		err := c.watch(ctx, q, &position, &connected, fn)
		again := errors.Is(err, ErrBroken) || errors.Is(err, ErrNoKeeper)
		if !q.Resume || !connected || !again {
			return err
		}
		if position != before {
			pause = time.Second
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, longest)
	}
}

// callerError carries fn's own error past the sorting of the stream's.
type callerError struct{ error }

// watch follows over one connection and keeps position up to date.
func (c *Client) watch(ctx context.Context, q WatchQuery, position *uint64, connected *bool, fn func(Event) error) error {
	query := filter(q.Account, q.Types)
	header := http.Header{"Accept": {"text/event-stream"}}
	switch {
	case *position == 0 && !q.Since.IsZero():
		query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	case *position != Live:
		header.Set("Last-Event-ID", strconv.FormatUint(*position, 10))
	}
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/events", query: query, header: header})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	*connected = true
	err = readStream(resp.Body, position, func(e Event) error {
		if err := fn(e); err != nil {
			return callerError{err}
		}
		return nil
	})
	if own, ok := errors.AsType[callerError](err); ok {
		return own.error
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrForeign):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return ErrBroken
}

// readStream reads server-sent events until r ends. An id without data moves
// the position only: that is how the keeper says where a stream stands while
// there is nothing to tell.
func readStream(r io.Reader, position *uint64, fn func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxAnswer)
	next, data := *position, []byte(nil)
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(lines.Bytes()) == 0:
			if data != nil {
				var e Event
				if err := json.Unmarshal(data, &e); err != nil {
					return fmt.Errorf("%w: %w", ErrForeign, err)
				}
				if err := fn(e); err != nil {
					return err
				}
			}
			*position, data = next, nil
		case string(name) == "id":
			id, err := strconv.ParseUint(string(value), 10, 64)
			if err != nil {
				return fmt.Errorf("%w: an event's id is no number", ErrForeign)
			}
			next = id
		case string(name) == "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	return lines.Err()
}
