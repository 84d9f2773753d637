package etcd

import (
	"testing"
	"time"
)

// TestLag: it counts from the answer that told of the oldest commit that is missing, and
// from the last knowledge where nothing is answered.
func TestLag(t *testing.T) {
	begun := time.Unix(1_800_000_000, 0)
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }
	type step struct {
		newest   int64 // what an answer tells of, 0 for none
		rev      int64
		away     bool
		lag      time.Duration
		complete float64 // when it had everything
	}
	var l lag
	l.begin(begun)
	for i, s := range []step{
		{newest: 10, rev: 10, complete: 0},
		{newest: 11, rev: 10, lag: 0, complete: 0}, // the watch is as quick as an answer
		{newest: 14, rev: 10, lag: time.Second, complete: 0},
		{newest: 17, rev: 10, lag: 2 * time.Second, complete: 0},
		{newest: 20, rev: 14, lag: time.Second, complete: 2}, // it comes on, and stays behind
		{newest: 23, rev: 17, lag: time.Second, complete: 3},
		{newest: 23, rev: 23, complete: 6},
		{rev: 23, complete: 6},
		{rev: 23, complete: 6},
		{rev: 23, complete: 6},
		{rev: 23, lag: 4 * time.Second, complete: 6}, // nobody answers
		{rev: 23, away: true, lag: 5 * time.Second, complete: 6},
		{newest: 23, rev: 23, complete: 12},
	} {
		sent := at(float64(i))
		if s.newest > 0 {
			l.heard(question{sent, sent, s.newest}, s.rev)
		}
		whole, behind := l.since(sent, s.rev, s.away)
		if behind != s.lag || !whole.Equal(at(s.complete)) {
			t.Errorf("after %d s it is %v behind and had everything at %v, want %v and %v", i, behind, whole.Sub(begun), s.lag, s.complete)
		}
	}
}
