package health

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// The names of the parts. A channel's and an output's stand behind a colon.
const (
	PartVault    = "vault"
	PartSchedule = "schedule"
	PartSocket   = "socket"
	PartPage     = "page"
	PartServe    = "serve"
	PartMetrics  = "metrics"
	PartChannel  = "channel"
	PartOutput   = "output"
)

// longestLook is how long it may take until the schedule has been gone through.
const longestLook = 3 * time.Second

// Listener is a part that listens, if it is configured.
type Listener struct {
	Part string
	// Problem is what it is called in the keeper's problems.
	Problem string
	On      func() bool
}

// Parts are what there is to look at.
type Parts struct {
	Keeper *keeper.Keeper
	// Socket is where the control socket lies.
	Socket    string
	Listeners []Listener
	Channels  func() []client.Channel
	Outputs   func() []client.Output
}

// Health looks at the keeper's parts. It is safe for concurrent use.
type Health struct {
	parts  Parts
	writes *writes
}

// New returns a Health that has looked at nothing yet.
func New(p Parts) *Health {
	return &Health{parts: p, writes: &writes{probe: p.Keeper.Store().Vault().Writable}}
}

// Committed is told of each commit: one that arrived shows that the vault works,
// so that it need not be tried.
func (h *Health) Committed(_ time.Duration, err error) {
	if err == nil {
		h.writes.arrived(time.Now())
	}
}

// Working returns what keeps the keeper from its work, nil where it does it: the
// vault takes a write, and the schedule is gone through. What tells others that
// the keeper lives asks this.
func (h *Health) Working(ctx context.Context) error {
	if err := h.vault(ctx); err != nil {
		return fmt.Errorf("the vault: %w", err)
	}
	if err := h.schedule(ctx); err != nil {
		return fmt.Errorf("the schedule: %w", err)
	}
	return nil
}

// Ready tells of all parts, or of those that a name stands for: a part's own, or
// what stands before or behind its colon. It returns false where there is none.
func (h *Health) Ready(ctx context.Context, name string) (client.Readiness, bool) {
	r := client.Readiness{Ready: true, Parts: []client.Part{}}
	for _, p := range h.all(ctx, name) {
		r.Parts = append(r.Parts, p)
		r.Ready = r.Ready && p.Ready
	}
	return r, name == "" || len(r.Parts) > 0
}

// all looks at the parts that a name stands for, in the order in which they are
// told of.
func (h *Health) all(ctx context.Context, name string) []client.Part {
	var list []client.Part
	kinds := map[string]bool{PartVault: true, PartSchedule: true, PartSocket: true, PartChannel: true, PartOutput: true}
	for _, l := range h.parts.Listeners {
		kinds[l.Part] = true
	}
	look := func(kind, own string, state func() (bool, string)) {
		full := kind
		if own != "" {
			full += ":" + own
		}
		if name != "" && name != full && name != kind && (name != own || kinds[name]) {
			return
		}
		ready, reason := state()
		list = append(list, client.Part{Name: full, Ready: ready, Reason: reason})
	}
	look(PartVault, "", func() (bool, string) { return judge(h.vault(ctx)) })
	look(PartSchedule, "", func() (bool, string) { return judge(h.schedule(ctx)) })
	look(PartSocket, "", func() (bool, string) { return judge(h.socket()) })
	for _, l := range h.parts.Listeners {
		look(l.Part, "", func() (bool, string) { return h.listener(l) })
	}
	for _, c := range h.parts.Channels() {
		look(PartChannel, c.Name, func() (bool, string) { return channel(c) })
	}
	for _, o := range h.parts.Outputs() {
		look(PartOutput, o.Name, func() (bool, string) { return output(o) })
	}
	return list
}

func judge(err error) (bool, string) {
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

func (h *Health) vault(ctx context.Context) error {
	if err := h.parts.Keeper.Store().Vault().Err(); err != nil {
		return err
	}
	// A disk that hangs is noticed sooner than a write is due.
	if text := h.parts.Keeper.Problems().Of(keeper.ProblemDisk); text != "" {
		return errors.New(text)
	}
	return h.writes.check(ctx)
}

func (h *Health) schedule(ctx context.Context) error {
	late := time.NewTimer(longestLook)
	defer late.Stop()
	select {
	case <-h.parts.Keeper.Look():
		return nil
	case <-late.C:
		return errStands
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errStands is a sentence behind the name of the part.
var errStands = errors.New("is not gone through")

// socket finds out whether others can find the socket, and whether those who are
// let in can open it.
func (h *Health) socket() error {
	if _, err := os.Lstat(h.parts.Socket); err != nil {
		return err
	}
	if trouble := h.parts.Keeper.Problems().Of("socket"); trouble != "" {
		return errors.New(trouble)
	}
	return nil
}

func (h *Health) listener(l Listener) (bool, string) {
	if !l.On() {
		return true, "off"
	}
	trouble := h.parts.Keeper.Problems().Of(l.Problem)
	return trouble == "", trouble
}

func channel(c client.Channel) (bool, string) {
	if c.FailingSince == nil {
		return true, ""
	}
	reason := "failing since " + c.FailingSince.UTC().Format(time.RFC3339)
	if c.LastError != "" {
		reason += ": " + c.LastError
	}
	return false, reason
}

// output has an output that waits for a login count as ready: nothing is wrong
// with it, and the account's state says what is missing.
func output(o client.Output) (bool, string) {
	switch o.State {
	case client.OutputRetrying, client.OutputFailed:
		return false, strings.TrimSuffix(o.State+": "+o.LastError, ": ")
	case client.OutputHook:
		return false, strings.TrimSuffix("its command failed: "+o.HookError, ": ")
	case client.OutputWaiting:
		return true, "waits for a login of " + o.Account
	case client.OutputPending:
		return true, "has yet to run"
	}
	return true, ""
}
