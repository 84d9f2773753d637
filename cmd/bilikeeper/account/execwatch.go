package account

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/account/program"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// settle is how long a new credential has to be the newest before a program
	// is ended for it.
	settle = time.Second
	// longPoll is how long the keeper holds a question for a newer credential.
	longPoll = time.Minute
	// A watch that failed tries again after retryFirst, and after twice as long
	// each time, up to retryLast.
	retryFirst, retryLast = 250 * time.Millisecond, 5 * time.Second
)

func (h handover) prepare(s secrets, stdin io.Reader) (*program.Program, error) {
	return program.Prepare(program.Options{
		Argv: h.argv, Env: environment(s.lines), Cookies: s.cookies, Dir: h.env.Getenv("XDG_RUNTIME_DIR"),
		Stdin: stdin, Stdout: h.env.Stdout, Stderr: h.env.Stderr,
	})
}

// watch runs the program, and again whenever the credential changes, until it
// ends by itself.
func (h handover) watch(ctx context.Context, first secrets, grace time.Duration) error {
	stdin := h.env.Stdin
	if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		// A program in a group of its own is stopped when it reads the terminal.
		stdin = nil
	}
	p, err := h.prepare(first, stdin)
	if err != nil {
		return err
	}
	// A signal ends the program and not the watch, which ends with it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	next := make(chan *program.Program)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.follow(ctx, first, func(s secrets) error {
			newer, err := h.prepare(s, stdin)
			if err != nil {
				return err
			}
			select {
			case next <- newer:
			case <-ctx.Done():
				newer.Discard()
			}
			return nil
		})
	}()
	defer func() {
		cancel()
		<-ended
	}()
	r := program.Restarting{Next: next, Grace: grace, Told: func() {
		h.env.Say("The credential of %s has changed; the command is started again with the new one.", first.account)
	}}
	return r.Run(p)
}

// follow calls offer with every credential that is newer than the one that the
// program has, once it has been the newest for a moment. It fails for ever if need
// be, says so once, and returns when ctx ends.
func (h handover) follow(ctx context.Context, has secrets, offer func(secrets) error) {
	said, pause, wait := "", retryFirst, longPoll
	for ctx.Err() == nil {
		s, changed, err := h.newer(ctx, has, wait)
		if err == nil && changed {
			if err = offer(s); err == nil {
				has = s
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if said != "" {
				h.env.Say("The credential of %s is watched again.", has.account)
			}
			said, pause, wait = "", retryFirst, longPoll
			continue
		}
		if wait = longPoll; keeperAway(err) {
			wait = 0 // the first that answers is told of at once
		}
		if text := watchFailure(err); text != said {
			said = text
			h.env.Warn("the credential of %s cannot be watched: %s; the command goes on", has.account, text)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, retryLast)
	}
}

// watchFailure words what keeps a credential from being watched. A keeper that is
// away is the same trouble however the connection failed.
func watchFailure(err error) string {
	if keeperAway(err) {
		return "the keeper is away"
	}
	return err.Error()
}

func keeperAway(err error) bool {
	return errors.Is(err, client.ErrNoKeeper) || errors.Is(err, client.ErrBroken)
}

// newer waits for a credential that is not the one that the program has. It is
// false where none came.
func (h handover) newer(ctx context.Context, has secrets, wait time.Duration) (s secrets, changed bool, err error) {
	ask := func(after uint64, wait time.Duration) (client.Credential, error) {
		return h.keeper.Credential(ctx, has.account, client.CredentialOptions{Format: "env", After: after, Wait: wait})
	}
	c, err := ask(has.generation, wait)
	if err == nil && c.NotModified && c.Generation != has.generation {
		// The account was forgotten and added anew, and counts from the start.
		c, err = ask(0, 0)
	}
	for err == nil && !c.NotModified {
		next, nextErr := ask(c.Generation, settle)
		if nextErr != nil || next.NotModified {
			s, err = h.complete(ctx, c)
			return s, err == nil && s.generation != has.generation, err
		}
		c = next
	}
	return secrets{}, false, err
}
