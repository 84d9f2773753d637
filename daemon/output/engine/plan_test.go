package engine

import (
	"testing"
	"time"
)

func TestPlanDelivery(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	inFile, byPush := prepared{Output: Output{Path: "/run/cookies"}}, prepared{Output: Output{Push: &Push{}}}
	unwritable := &Error{Stage: StageRender, Reason: "odd", permanent: true}
	fresh := job{content: content{generation: 2, digest: "new"}, alive: true}
	forced, same, gone := fresh, fresh, fresh
	forced.force = true
	same.digest, same.settled = "old", true
	gone.digest = "old"
	done := Progress{Generation: 1, Digest: "old"}
	failed := func(failedAt, retryAt time.Time) Progress {
		return Progress{Generation: 1, Digest: "old", Attempts: 3, FailedAt: failedAt, RetryAt: retryAt, LastError: "down"}
	}
	tests := []struct {
		name string
		out  prepared
		p    Progress
		mem  memory
		j    job
		want action
	}{
		{"no living credential", inFile, done, memory{}, job{}, action{state: StateWaiting, err: ErrNoCredential}},
		{"none, by order", inFile, done, memory{}, job{force: true}, action{state: StateWaiting, err: ErrNoCredential}},
		{"never delivered", inFile, Progress{}, memory{}, fresh, action{verb: actDeliver}},
		{"another content", byPush, done, memory{}, fresh, action{verb: actDeliver}},
		{"the same content of a new credential", inFile, done, memory{}, same, action{verb: actNote}},
		{"all as it was", inFile, Progress{Generation: 2, Digest: "old"}, memory{}, same, action{state: StateOK}},
		{"failures of a content that is there after all", inFile, Progress{Generation: 2, Digest: "old", Attempts: 2}, memory{}, same, action{verb: actNote}},
		{"the file is gone", inFile, done, memory{}, gone, action{verb: actDeliver}},
		{"left alone", byPush, failed(at(-1), at(4)), memory{tried: 1}, fresh, action{state: StateRetrying, until: at(4)}},
		{"left alone, by order", byPush, failed(at(-1), at(4)), memory{tried: 1}, forced, action{verb: actDeliver}},
		{"a retry that is due", byPush, failed(at(-5), at(0)), memory{tried: 2}, fresh, action{verb: actDeliver}},
		{"the clock was set back", byPush, failed(at(9), at(14)), memory{tried: 2}, fresh, action{verb: actDeliver}},
		{"a disk is not left alone by a new credential", inFile, failed(at(-1), at(4)), memory{tried: 1}, fresh, action{verb: actDeliver}},
		{"it is by the same one", inFile, failed(at(-1), at(4)), memory{tried: 2}, fresh, action{state: StateRetrying, until: at(4)}},
		{"given up", byPush, failed(at(-1), time.Time{}), memory{gaveUp: "new"}, fresh, action{state: StateFailed}},
		{"given up, by order", byPush, failed(at(-1), time.Time{}), memory{gaveUp: "new"}, forced, action{verb: actDeliver}},
		{"another one was given up", byPush, failed(at(-1), time.Time{}), memory{gaveUp: "other"}, fresh, action{verb: actDeliver}},
		{"it cannot be written out", inFile, done, memory{}, job{content: content{digest: "g"}, alive: true, unwritable: unwritable}, action{verb: actReject}},
		{"that is known", inFile, Progress{LastError: unwritable.Error()}, memory{gaveUp: "g"},
			job{content: content{digest: "g"}, alive: true, force: true, unwritable: unwritable}, action{state: StateFailed, err: unwritable}},
	}
	for _, tt := range tests {
		if got := planDelivery(tt.out, tt.p, tt.mem, tt.j, now); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestPlanCommands(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	with := prepared{Output: Output{OnChange: []Command{{"true"}}, Debounce: 10 * time.Second}}
	j := job{content: content{generation: 2, digest: "new"}, alive: true}
	forced := j
	forced.force = true
	tests := []struct {
		name string
		out  prepared
		p    Progress
		h    hookState
		j    job
		then hookState
		want action
	}{
		{"no commands", prepared{}, Progress{}, hookState{digest: "old", tries: 1}, j, hookState{}, action{}},
		{"they have run", with, Progress{HookDigest: "new"}, hookState{digest: "new"}, j, hookState{}, action{}},
		{"a new content waits for a further change", with, Progress{}, hookState{}, j,
			hookState{digest: "new", at: at(10), latest: at(100)}, action{state: StatePending, until: at(10)}},
		{"a row of changes does not put them off for ever", with, Progress{}, hookState{digest: "old", at: at(1), latest: at(4)}, j,
			hookState{digest: "new", at: at(4), latest: at(4)}, action{state: StatePending, until: at(4)}},
		{"after failures the row begins anew", with, Progress{}, hookState{digest: "old", tries: 1, latest: at(4)}, j,
			hookState{digest: "new", at: at(10), latest: at(100)}, action{state: StatePending, until: at(10)}},
		{"due", with, Progress{}, hookState{digest: "new", at: at(0)}, j, hookState{digest: "new", at: at(0)}, action{verb: actRun}},
		{"a retry that is not due", with, Progress{}, hookState{digest: "new", tries: 1, at: at(3)}, j,
			hookState{digest: "new", tries: 1, at: at(3)}, action{state: StateHook, until: at(3)}},
		{"the clock was set back", with, Progress{}, hookState{digest: "new", tries: 1, at: at(9000)}, j,
			hookState{digest: "new", tries: 1, at: at(9000)}, action{verb: actRun}},
		{"given up", with, Progress{}, hookState{digest: "new", tries: hookTries}, j, hookState{digest: "new", tries: hookTries}, action{state: StateHook}},
		{"by order", with, Progress{}, hookState{digest: "new", tries: hookTries, at: at(3)}, forced, hookState{digest: "new", at: at(3)}, action{verb: actRun}},
	}
	for _, tt := range tests {
		then, got := planCommands(tt.out, tt.p, tt.h, tt.j, now)
		if got != tt.want || then != tt.then {
			t.Errorf("%s: %+v and %+v, want %+v and %+v", tt.name, got, then, tt.want, tt.then)
		}
	}
}
