package control

import (
	"context"
	"net/url"
	"time"
)

// longestWait bounds ?wait=.
const longestWait = 10 * time.Minute

// ending is closed when the server shuts down: it ends waits and streams.
type ending chan struct{}

// wait calls try now and after each change, until it is done or fails. When the
// time is over or the server ends it is called once more, as the last time; when
// the caller has gone it is not.
func (e ending) wait(ctx context.Context, limit time.Duration, changed func() <-chan struct{}, try func(last bool) (done bool, err error)) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	for last := limit == 0; ; {
		next := changed() // before the look, so that no change is missed
		if done, err := try(last); done || err != nil || last {
			return err
		}
		select {
		case <-next:
		case <-over.C:
			last = true
		case <-e:
			last = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// within is ctx until a time limit is over or the server ends.
func (e ending) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	within, cancel := context.WithTimeout(ctx, limit)
	go func() {
		select {
		case <-e:
			cancel()
		case <-within.Done():
		}
	}()
	return within, cancel
}

// waitOf reads ?wait=30s.
func waitOf(query url.Values) (time.Duration, error) {
	if !query.Has("wait") {
		return 0, nil
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil || wait < 0 || wait > longestWait {
		return 0, badRequest("the parameter \"wait\" is a duration from 0s to %s, as in 30s", longestWait)
	}
	return wait, nil
}

// waiting reads ?after=N&wait=30s.
func waiting(query url.Values) (after uint64, given bool, wait time.Duration, err error) {
	if after, given, err = counter(query, "after"); err != nil {
		return 0, false, 0, err
	}
	if wait, err = waitOf(query); err != nil {
		return 0, false, 0, err
	}
	if query.Has("wait") && !given {
		return 0, false, 0, badRequest("the parameter \"wait\" needs \"after\"")
	}
	return after, given, wait, nil
}
