package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/life"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
)

// kindOutput is an output's record in the vault.
const kindOutput = "output"

// credentials are the accounts as the outputs see them.
type credentials struct{ keeper *Keeper }

// Credential implements engine.Source.
func (c credentials) Credential(_ context.Context, name string) (output.Credential, bool, error) {
	a := c.keeper.find(name)
	if a == nil {
		return output.Credential{}, false, nil
	}
	r := a.shown.Load()
	return outputCredential(r), r.Generation > 0 && r.Base == life.BaseValid, nil
}

// Changed implements engine.Source.
func (c credentials) Changed() <-chan struct{} { return c.keeper.Changed() }

// deliveries keeps the outputs' records in the vault.
type deliveries struct{ keeper *Keeper }

// Load implements engine.Ledger.
func (d deliveries) Load(name string) (engine.Progress, bool, error) {
	var p engine.Progress
	revision, err := d.keeper.store.getJSON(kindOutput, name, &p)
	return p, revision != 0, err
}

// Save implements engine.Ledger.
func (d deliveries) Save(name string, p engine.Progress, results []engine.Result) error {
	var events []happened
	for _, r := range results {
		kind := client.EventOutputWritten
		if r.Outcome == engine.OutcomeFailed {
			kind = client.EventOutputFailed
		}
		events = append(events, happened{Type: kind, Account: r.Account, Data: map[string]any{
			"output": name, "generation": r.Generation, "stage": r.Stage, "attempts": r.Attempts,
			"gave_up": r.GaveUp, "detail": r.Detail, "exit": r.Exit, "took_ms": r.Took.Milliseconds(),
		}})
	}
	return d.keeper.store.putJSON(kindOutput, name, p, events)
}

// outputs runs the output engine, and replaces it on a reload.
type outputs struct {
	keeper *Keeper

	mu      sync.Mutex // guards what follows
	engine  *engine.Engine
	stop    context.CancelFunc
	stopped chan struct{}
}

func newOutputs(k *Keeper) (*outputs, error) {
	o := &outputs{keeper: k}
	var err error
	o.engine, err = o.build(k.settings.Load().Config)
	return o, err
}

func (o *outputs) build(c config.Config) (*engine.Engine, error) {
	list := make([]engine.Output, 0, len(c.Output))
	for _, entry := range c.Output {
		mode, err := strconv.ParseUint(entry.Mode, 8, 32)
		if err != nil {
			return nil, fmt.Errorf("output %s: mode %q: %w", entry.Name, entry.Mode, err)
		}
		e := engine.Output{
			Name: entry.Name, Account: entry.Account, Format: entry.Format, Template: entry.Template,
			Path: entry.Path, Mode: os.FileMode(mode), Owner: entry.Owner, InPlace: entry.InPlace,
			WithRefreshToken: entry.WithRefreshToken,
		}
		if len(entry.OnChange) > 0 {
			e.OnChange = []engine.Command{entry.OnChange}
		}
		list = append(list, e)
	}
	return engine.New(credentials{o.keeper}, deliveries{o.keeper}, o.keeper.log, list...)
}

func (o *outputs) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.startLocked(ctx)
}

func (o *outputs) startLocked(ctx context.Context) {
	ctx, o.stop = context.WithCancel(ctx)
	done, e := make(chan struct{}), o.engine
	o.stopped = done
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			o.keeper.log.Error().Err(err).Msg("the outputs stopped")
		}
	}()
}

// replace puts the outputs of a new configuration in the place of the old
// ones. On an error the old ones go on.
func (o *outputs) replace(ctx context.Context, c config.Config) error {
	next, err := o.build(c)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop()
	<-o.stopped
	o.engine = next
	o.startLocked(ctx)
	return nil
}

func (o *outputs) wait() {
	o.mu.Lock()
	stopped := o.stopped
	o.mu.Unlock()
	<-stopped
}

func (o *outputs) current() *engine.Engine {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.engine
}

// Outputs returns how each output has been doing.
func (o *outputs) Outputs() []client.Output {
	list := []client.Output{}
	for _, s := range o.current().Status() {
		list = append(list, viewOutput(s))
	}
	return list
}

// RunOutput writes an output now.
func (o *outputs) RunOutput(ctx context.Context, name string) (client.Output, error) {
	s, err := o.current().RunNow(ctx, name)
	switch {
	case errors.Is(err, engine.ErrNoOutput):
		names := []string{}
		for _, s := range o.current().Status() {
			names = append(names, s.Name)
		}
		p := &client.Problem{Type: client.ProblemNoOutput, Title: "there is no such output", Detail: "there is no output " + name,
			Hint: "configured are: " + strings.Join(names, ", ")}
		if len(names) == 0 {
			p.Hint = "no [[output]] is configured"
		}
		return client.Output{}, p
	case errors.Is(err, engine.ErrNoCredential):
		return client.Output{}, needsLogin(s.Account, "there is no living credential to write")
	case err != nil:
		return client.Output{}, &client.Problem{Type: client.ProblemOutput, Title: "the output failed", Detail: "output " + name + ": " + err.Error()}
	}
	return viewOutput(s), nil
}

func viewOutput(s engine.Status) client.Output {
	return client.Output{
		Name: s.Name, Account: s.Account, Format: s.Format, Kind: s.Kind, Place: s.Place, State: s.State,
		Generation: s.Generation, LastWritten: known(s.WrittenAt), LastFailed: known(s.FailedAt),
		RetryAt: known(s.RetryAt), LastError: s.LastError,
		HookAt: known(s.HookAt), HookExit: s.HookExit, HookError: s.HookError,
	}
}
