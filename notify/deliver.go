package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// The outcomes of a message on a channel. Names are on the wire.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"  // tried, and given up
	OutcomeDropped   = "dropped" // never tried, or overtaken by a newer message
	// OutcomeFailing is told once per bout of failures, beside what became of the
	// message at hand.
	OutcomeFailing = "failing"
)

// Result is how a message ended on a channel. It holds no secret.
type Result struct {
	// MessageID is what the message went out under: each member of a grouped one
	// has a result with the group's id and its own type, account and position.
	MessageID string
	Type      string
	Account   string
	Position  uint64
	// Outcome is one of the Outcome… words.
	Outcome  string
	Attempts int
	// Detail is what the service answered, or why the message did not arrive.
	Detail string
	Took   time.Duration
}

// act carries an action out and records what came of it.
func (w *worker) act(ctx context.Context, a action) {
	switch a.verb {
	case actRead:
		w.window.reset(w.progress.Position)
	case actPass:
		w.progress.settle(a.batch.members[0], &w.window)
		w.saveMoved(ctx, lazySave)
	case actOutdate:
		w.progress.outdate(a.batch.members[0].Account, a.batch.members[0].Position)
		w.save(ctx)
		w.retract(ctx)
	case actTell:
		w.save(ctx, w.tell(a)...)
	case actEnd:
		w.end(ctx, a)
	case actSend:
		w.send(ctx, a)
	}
}

// end moves past a batch and saves what became of it, and what there is to tell
// beside.
func (w *worker) end(ctx context.Context, a action) {
	results := w.tell(a)
	a.result.MessageID = a.batch.id
	for _, m := range a.batch.members {
		results = append(results, a.result.of(m))
		w.progress.settle(m, &w.window)
		if ends(m) {
			w.progress.outdate(m.Account, m.Position)
		}
	}
	w.progress.end(a.batch.id)
	w.save(ctx, results...)
}

// of is what became of one of the messages that went out as one.
func (r Result) of(m Message) Result {
	r.Type, r.Account, r.Position = m.Type, m.Account, m.Position
	return r
}

// tell returns what there is to tell of a bout of failures: once, at the first
// message that is given up, or when it has lasted for long.
func (w *worker) tell(a action) []Result {
	known, t := w.limiter.state(), w.progress.trial(a.batch.id)
	since, reason := known.FailingSince, known.LastError
	overdue := limit{failing: since}.overdue(w.progress.Told, attempt.Wall())
	if since.IsZero() || w.progress.Told.Equal(since) || !a.failing && !overdue {
		return nil
	}
	if a.failing && t != nil {
		reason = t.Reason
	}
	w.progress.Told = since
	r := Result{MessageID: a.batch.id, Outcome: OutcomeFailing, Attempts: t.tries(), Detail: reason}
	return []Result{r.of(a.batch.members[0])}
}

// compose puts a batch's composition into the ledger, before anybody has seen it.
func (w *worker) compose(ctx context.Context, b *batch) bool {
	if b.group == "" {
		return true
	}
	sending := Sending{ID: b.id}
	for _, m := range b.members {
		sending.Positions = append(sending.Positions, m.Position)
	}
	w.progress.Sending = append(w.progress.Sending, sending)
	var results []Result
	for _, m := range b.older {
		results = append(results, Result{MessageID: m.ID, Outcome: OutcomeDropped, Detail: ErrSuperseded.Error()}.of(m))
		w.progress.settle(m, &w.window)
	}
	b.group, b.older = "", nil
	return w.save(ctx, results...)
}

// may reports whether the service may be called now.
func (w *worker) may() bool { return w.cfg.May == nil || w.cfg.May() }

// delivery is a try that has been made.
type delivery struct {
	batch batch
	m     Message // what was sent
	via   *worker
	// through is via's name, "" for the channel itself.
	through string
	// earlier is the message in whose place it was put, if any.
	earlier Shown
	took    time.Duration
}

// send tries a batch once and records how that went.
func (w *worker) send(ctx context.Context, a action) {
	d := delivery{batch: a.batch, via: w.find(a.via)}
	if d.via != w {
		d.through = a.via
	}
	// Another channel may have used up the rate since the plan was made.
	if !w.compose(ctx, &d.batch) || !d.via.limiter.take(attempt.Wall()) {
		return
	}
	w.publish(true, time.Time{}, w.progress.trial(d.batch.id).tries())
	if !d.via.may() {
		attempt.Sleep(ctx, time.Second)
		return
	}
	w.window.sent = true
	d.m = d.batch.write(w.cfg.Group)
	begun := time.Now()
	if _, ok := d.via.cfg.Channel.(Replacer); ok {
		d.earlier = w.progress.replaceable(d.m, d.through, begun)
	}
	receipt, err := d.via.sender.send(ctx, d.m, d.earlier.Handle, grace)
	if d.earlier.Handle != "" && final(err) {
		// It may still be there, and be no message that can be changed: the new
		// one makes it outdated.
		d.earlier = Shown{}
		d.via.limiter.spend(attempt.Wall())
		receipt, err = d.via.sender.send(ctx, d.m, "", grace)
	}
	d.took = time.Since(begun)
	switch {
	case err == nil:
		w.delivered(ctx, d, receipt)
	case errors.Is(err, attempt.ErrCut):
		// Not recorded: the message is sent again after the next start.
	case errors.Is(err, ErrExpired):
		w.end(ctx, expire(d.batch, w.progress.trial(d.batch.id)))
	default:
		w.failed(ctx, d, err)
	}
}

// delivered records a message that has arrived.
func (w *worker) delivered(ctx context.Context, d delivery, receipt Receipt) {
	now, p, m := attempt.Wall(), &w.progress, d.m
	d.via.limiter.arrived(now)
	p.remember(m, d.through, receipt.Handle, d.earlier, now)
	if m.Group != "" && m.Login == nil && w.cfg.Group != nil {
		p.gathered(m.Group, now)
	}
	r := Result{Outcome: OutcomeDelivered, Attempts: p.trial(d.batch.id).tries() + 1, Detail: receipt.Answer, Took: d.took}
	w.log.Info().Str("message", m.ID).Str("type", m.Type).Int("attempt", r.Attempts).Dur("took", d.took).
		Str("through", d.via.cfg.Name).Msg("message delivered")
	if d.through != "" {
		r.Detail = "through " + d.through
		if receipt.Answer != "" {
			r.Detail += ": " + receipt.Answer
		}
	}
	w.end(ctx, action{batch: d.batch, result: r})
	w.retract(ctx)
}

// failed records a try that did not arrive, and gives up where no other follows.
func (w *worker) failed(ctx context.Context, d delivery, err error) {
	now, text := attempt.Wall(), harmless(err, d.m)
	t := w.progress.begin(d.batch.id, &w.window, now)
	before := d.via.limiter.state()
	n, row := &t.Attempts, t.Attempts+1
	if d.through != "" {
		n = &t.Handed
	}
	if d.through != "" || len(w.chain) > 0 {
		// With another channel at hand a message is seldom tried twice here, and
		// the wait would never grow.
		row = before.Failures + 1
	}
	*n++
	v, retryAt := judge(d.m, err, *n, t.Since, now, w.backoff.Asked(row, asked(err)))
	d.via.limiter.failed(now, retryAt, text)
	t.Reason = text
	if v == refused {
		t.Refused = append(t.Refused, d.via.cfg.Name)
	}
	over := v == late || v != tryAgain && len(w.limits(now).candidates(d.batch, t)) == 0 && (d.through == "" || t.refusedBy(w.cfg.Name))
	line := w.log.Warn()
	if text == before.LastError && v == tryAgain {
		line = w.log.Debug() // said before; a service that is down for a day is one line
	}
	if v == tryAgain {
		line.Time("retry_at", retryAt)
	}
	if d.through != "" {
		line.Str("through", d.through)
	}
	line.Str("message", d.batch.id).Str("type", d.m.Type).Int("attempt", *n).Bool("given_up", over).
		Str("reason", text).Msg("message not delivered")
	a := action{
		batch: d.batch, failing: d.through == "" && v != tryAgain,
		result: Result{Outcome: OutcomeFailed, Attempts: t.tries(), Detail: text, Took: d.took},
	}
	if over {
		w.end(ctx, a)
		return
	}
	w.save(ctx, w.tell(a)...)
	w.window.reset(w.progress.Position)
}

// retract takes back what is over, each message once. What fails is tried again
// after the next delivery or start; it is not worth a schedule of its own.
func (w *worker) retract(ctx context.Context) {
	p, touched := &w.progress, false
	left := map[*worker]bool{}
	for _, s := range slices.Clone(p.Shown) {
		if !s.Over || ctx.Err() != nil {
			continue
		}
		via := w
		if s.Via != "" {
			via = w.find(s.Via)
		}
		if via == nil { // no longer configured: nobody is left who could
			p.forget(s)
			touched = true
			continue
		}
		if left[via] || !via.may() || !via.limiter.rests(attempt.Wall()).IsZero() {
			continue
		}
		err := via.sender.retract(ctx, s.Handle)
		if errors.Is(err, attempt.ErrCut) {
			break
		}
		touched = true
		i := slices.IndexFunc(p.Shown, s.same)
		p.Shown[i].Tries++
		if err == nil || final(err) || p.Shown[i].Tries >= retractTries {
			p.forget(s)
		}
		if err == nil {
			continue
		}
		w.log.Debug().Str("message", s.Message).Str("reason", harmless(err, Message{})).Msg("an outdated message stays")
		if pause := asked(err); pause > 0 {
			left[via] = true
			via.limiter.leave(attempt.Wall().Add(pause))
		}
	}
	if touched {
		w.save(ctx)
	}
}
