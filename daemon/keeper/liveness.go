package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/servicemanager"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	// diskEvery is how often the disk is asked for a sign of life, and diskPatience
	// how long that may take before people are told.
	diskEvery    = 4 * time.Second
	diskPatience = 3 * time.Second
)

// ProblemDisk is the name under which people are told of a disk that does not answer.
const ProblemDisk = "disk"

// errDisk is a sentence for people, behind the name of what is wrong.
var errDisk = errors.New("the vault's disk does not answer; credentials are handed out, and nothing that changes can be kept until it does")

// Liveness looks whether the keeper can do its work, or has to be started again. What waits for the disk does
// so on goroutines of its own.
type Liveness struct {
	problems *account.Problems
	log      zerolog.Logger
	// ask returns when the disk has answered, committing for how long a commit has
	// waited for it. write puts something on it, look is closed when the schedule
	// has moved, and locks returns when nobody holds the accounts.
	ask        func()
	committing func() time.Duration
	write      func() error
	look       func() <-chan struct{}
	locks      func()
	// changed is closed when an account may be another; words say how they are.
	changed func() <-chan struct{}
	words   func() string

	// proving is true while a proof of work is under way, a hanging one included.
	proving atomic.Bool
}

// NewLiveness returns the liveness of a keeper.
func NewLiveness(k *Keeper) *Liveness {
	l := &Liveness{
		problems: &k.problems, log: k.log,
		ask: func() {}, committing: func() time.Duration { return 0 }, write: k.store.Vault().Writable,
		look: k.queue.Look, locks: func() { k.list(); k.Settings(); k.problems.Sentences() },
		changed: k.store.Changed, words: func() string { return inWords(k.Records()) },
	}
	if file, ok := k.store.Vault().(*vault.File); ok {
		l.ask = func() { file.Disk().Respond(); _ = file.Disk().CheckPlace() }
		l.committing = file.Disk().Committing
	}
	return l
}

// Watch tells of a disk that does not answer, until ctx ends. The vault notices
// by the same look that its file is not the one at its path any more.
func (l *Liveness) Watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var asked time.Time
	var answer chan struct{} // nil where nothing was asked
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-answer:
			answer = nil
		case <-tick.C:
			if answer == nil && time.Since(asked) >= diskEvery {
				asked, answer = time.Now(), make(chan struct{})
				go func(done chan<- struct{}) {
					defer close(done)
					l.ask()
				}(answer)
			}
		}
		late := answer != nil && time.Since(asked) >= diskPatience || l.committing() >= diskPatience
		switch {
		case late && !told:
			l.problems.Set(ProblemDisk, errDisk)
			l.log.Error().Msg(errDisk.Error())
		case !late && told:
			l.problems.Clear(ProblemDisk)
			l.log.Info().Msg("the vault's disk answers again")
		}
		told = late
	}
}

var (
	errUnderWay = errors.New("the proof before this one has not come to an end")
	errStuck    = errors.New("it did not come to an end")
)

// Works returns nil when the schedule moved, the accounts answered and the vault
// answered a write, before ctx ends. An answer that there is no room is one: to
// start again makes none.
func (l *Liveness) Works(ctx context.Context) error {
	if !l.proving.CompareAndSwap(false, true) {
		return errUnderWay
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.proving.Store(false)
		l.locks()
		_ = l.write()
	}()
	for _, step := range []<-chan struct{}{l.look(), done} {
		select {
		case <-step:
		case <-ctx.Done():
			return errStuck
		}
	}
	return nil
}

// Tell tells the service manager in words how the accounts are, at each change and
// at most once a second, until ctx ends.
func (l *Liveness) Tell(ctx context.Context) {
	told := ""
	pause := time.NewTicker(time.Second)
	defer pause.Stop()
	for servicemanager.Present() {
		changed := l.changed()
		if text := l.words(); text != told {
			servicemanager.Status(text)
			told = text
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// inWords says how many accounts there are, and how many of them need a person.
func inWords(all []*store.Brief) string {
	dead := 0
	for _, r := range all {
		if r.Base != lifecycle.BaseValid {
			dead++
		}
	}
	text := fmt.Sprintf("%d accounts", len(all))
	if len(all) == 1 {
		text = "1 account"
	}
	switch dead {
	case 0:
		return text
	case 1:
		return text + ", 1 needs a login"
	}
	return fmt.Sprintf("%s, %d need a login", text, dead)
}
