package notify

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	// grace is what a send in progress gets when the pipeline is to stop.
	grace = 5 * time.Second
	// settle is what a send gets to come back after its context has ended,
	// before it counts as one that ignores its context.
	settle = time.Second
	// retractLimit is short: people wait for the messages behind it.
	retractLimit = 10 * time.Second
)

// sender makes one try at a time, with a limit that holds even where the
// channel ignores its context: the try is then left to itself, and the next one
// waits for it.
type sender struct {
	channel Channel
	timeout time.Duration
	slot    *attempt.Slot
	// late is a message that was left to itself and arrived all the same. It
	// belongs to who holds the slot.
	late arrival
}

type arrival struct {
	id     string
	handle Handle
}

func newSender(channel Channel, timeout time.Duration, log zerolog.Logger) *sender {
	guard := attempt.Guard{Err: ErrPanicked, Message: "a notification channel panicked", Log: log}
	again := func(err error) error { return &SendError{Retry: true, Err: err} }
	return &sender{channel: channel, timeout: timeout, slot: attempt.NewSlot(guard, again(ErrTimeout), again(ErrBusy))}
}

// send tries once, in the place of an earlier message where one is named. It
// returns [attempt.ErrCut] when ctx has ended before the message arrived, having
// waited for that for a time of grace.
func (s *sender) send(ctx context.Context, m Message, earlier Handle, grace time.Duration) (Receipt, error) {
	if err := s.slot.Take(ctx, s.timeout); err != nil {
		return Receipt{}, err
	}
	limits := attempt.Limits{Most: s.timeout, Grace: grace, Settle: settle}
	if m.Login != nil {
		// A slow connection must not deliver a code that died on the way.
		limits.Most = min(limits.Most, time.Until(m.Login.ExpiresAt))
	}
	switch late := s.late; {
	case late.id == m.ID && m.ID != "":
		s.late = arrival{}
		s.slot.Free()
		return Receipt{Answer: "arrived late", Handle: late.handle}, nil
	case m.Expired(time.Now()):
		s.slot.Free()
		return Receipt{}, ErrExpired
	}
	receipt, err := attempt.Do(ctx, s.slot, limits, func(life context.Context) (Receipt, error) {
		life, end := lasting(life, ctx)
		defer end()
		if r, ok := s.channel.(Replacer); ok && earlier != "" {
			return r.Replace(life, m, earlier)
		}
		return s.channel.Send(life, m)
	}, func(r Receipt) { s.late = arrival{m.ID, r.Handle} })
	return receipt, unlessStopping(ctx, err)
}

// lasting is the context of a try that lives for as long as it is given: where the
// pipeline is abandoned, it ends at once.
func lasting(life, run context.Context) (context.Context, context.CancelFunc) {
	life, cancel := context.WithCancel(life)
	stop := context.AfterFunc(run, func() {
		if abandoned(run) {
			cancel()
		}
	})
	return life, func() { stop(); cancel() }
}

// retract takes a message back, once.
func (s *sender) retract(ctx context.Context, earlier Handle) error {
	r, ok := s.channel.(Retractor)
	if !ok {
		return nil
	}
	if err := s.slot.Take(ctx, s.timeout); err != nil {
		return err
	}
	limits := attempt.Limits{Most: min(s.timeout, retractLimit), Settle: settle}
	_, err := attempt.Do(ctx, s.slot, limits, func(ctx context.Context) (Receipt, error) {
		return Receipt{}, r.Retract(ctx, earlier)
	}, nil)
	return unlessStopping(ctx, err)
}

// unlessStopping is an error that counts: one during the shutdown may be its doing.
func unlessStopping(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return attempt.ErrCut
	}
	return err
}

// final reports whether an error makes no sense to try again.
func final(err error) bool {
	sendErr, ok := errors.AsType[*SendError](err)
	return ok && !sendErr.Retry && !errors.Is(err, ErrExpired)
}

// asked is how long the service asked to be left alone by an error.
func asked(err error) time.Duration {
	if sendErr, ok := errors.AsType[*SendError](err); ok {
		return max(0, min(sendErr.After, giveUpAfter))
	}
	return 0
}

// maxText is enough for a status and a sentence.
const maxText = 200

// harmless is the text of a channel's error for the ledger, the log and people.
// Channels are asked to keep secrets out; this is the net below them. It knows
// what is likely: the URL in a *url.Error, the message's own code and page.
func harmless(err error, m Message) string {
	text := err.Error()
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		text = strings.ToLower(urlErr.Op) + ": " + urlErr.Err.Error()
	}
	hide := []string{m.PageURL}
	if m.Login != nil {
		hide = append(hide, m.Login.AppURL.Reveal(), m.Login.URL.Reveal(), m.Login.PageURL)
	}
	for _, hidden := range hide {
		if hidden != "" {
			text = strings.ReplaceAll(text, hidden, secret.Redacted)
		}
	}
	return plain.Clip(text, maxText)
}
