package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/internal/secret"
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
	return outputCredential(r), r.Generation > 0 && r.Base == lifecycle.BaseValid, nil
}

// Changed implements engine.Source.
func (c credentials) Changed() <-chan struct{} { return c.keeper.Changed() }

// deliveries keeps the outputs' records in the vault.
type deliveries struct{ keeper *Keeper }

// Load implements engine.Ledger.
func (d deliveries) Load(name string) (engine.Progress, bool, error) {
	var p engine.Progress
	revision, err := d.keeper.store.getJSON(kindOutput, name, &p)
	if err == nil {
		d.report(name, p)
	}
	return p, revision != 0, err
}

// report says in the status what keeps failing.
func (d deliveries) report(name string, p engine.Progress) {
	switch what := "output " + name; {
	case p.LastError != "":
		d.keeper.problems.set(what, errors.New(p.LastError))
	case p.HookError != "":
		d.keeper.problems.set(what, errors.New("its command failed: "+p.HookError))
	default:
		d.keeper.problems.clear(what)
	}
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
	d.report(name, p)
	return d.keeper.store.putJSON(kindOutput, name, p, events)
}

// outputs runs the output engine, and replaces it on a reload.
type outputs struct {
	*runner[*engine.Engine]
	keeper *Keeper
}

func newOutputs(k *Keeper) (*outputs, error) {
	o := &outputs{keeper: k}
	e, err := o.build(k.settings.Load().Config)
	o.runner = newRunner(k.log, "outputs", e)
	return o, err
}

func (o *outputs) build(c config.Config) (*engine.Engine, error) {
	list := make([]engine.Output, 0, len(c.Output))
	for _, entry := range c.Output {
		e, err := o.output(entry)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", entry.Name, err)
		}
		list = append(list, e)
	}
	return engine.New(credentials{o.keeper}, deliveries{o.keeper}, o.keeper.log, list...)
}

// output is an entry of the configuration as the engine takes it.
func (o *outputs) output(entry config.Output) (engine.Output, error) {
	e := engine.Output{
		Name: entry.Name, Account: entry.Account, Format: entry.Format, Template: entry.Template,
		Path: entry.Path, Owner: entry.Owner, InPlace: entry.InPlace, WithRefreshToken: entry.WithRefreshToken,
		Timeout: entry.Timeout.Std(), HookTimeout: entry.OnChangeTimeout.Std(), Debounce: entry.Debounce.Std(),
	}
	for _, argv := range entry.OnChange.Argv() {
		e.OnChange = append(e.OnChange, argv)
	}
	if entry.Mode != "" {
		mode, err := strconv.ParseUint(entry.Mode, 8, 32)
		if err != nil {
			return e, fmt.Errorf("mode %q: %w", entry.Mode, err)
		}
		e.Mode = os.FileMode(mode)
	}
	address, err := entry.Address()
	if err != nil || address.IsZero() {
		return e, err
	}
	e.Push = &engine.Push{
		Preset: entry.Preset, URL: address.Reveal(), Method: entry.Method, ContentType: entry.ContentType,
		AllowHTTP: entry.AllowHTTP, Proxy: secret.New(entry.Proxy), Version: o.keeper.version,
	}
	for _, name := range slices.Sorted(maps.Keys(entry.Headers)) {
		e.Push.Headers = append(e.Push.Headers, engine.Header{Name: name, Value: engine.Text(entry.Headers[name])})
	}
	if entry.SecretFile != "" {
		e.Push.Secret = engine.File(entry.SecretFile)
	}
	return e, nil
}

// replace puts the outputs of a new configuration in the place of the old
// ones. On an error the old ones go on.
func (o *outputs) replace(ctx context.Context, c config.Config) error {
	next, err := o.build(c)
	if err != nil {
		return err
	}
	gone := o.current().Status()
	for _, s := range next.Status() {
		gone = slices.DeleteFunc(gone, func(old engine.Status) bool { return old.Name == s.Name })
	}
	o.put(ctx, next)
	for _, s := range gone {
		o.keeper.problems.clear("output " + s.Name)
	}
	return nil
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
	retry := s.RetryAt
	if retry.IsZero() {
		retry = s.HookRetryAt
	}
	return client.Output{
		Name: s.Name, Account: s.Account, Format: s.Format, Kind: s.Kind, Place: s.Place, State: s.State,
		Generation: s.Generation, LastWritten: known(s.WrittenAt), LastFailed: known(s.FailedAt),
		RetryAt: known(retry), LastError: s.LastError,
		HookGeneration: s.HookGeneration, HookAt: known(s.HookAt), HookExit: s.HookExit, HookError: s.HookError,
	}
}
