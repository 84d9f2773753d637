package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// deliveries keeps the outputs' records in the vault.
type deliveries struct{ keeper *keeper.Keeper }

// Load implements Ledger.
func (d deliveries) Load(name string) (Progress, bool, error) {
	var p Progress
	revision, err := d.keeper.Store().Get(store.KindOutput, name, &p)
	if err == nil {
		d.report(name, p)
	}
	return p, revision != 0, err
}

// report says in the status what keeps failing.
func (d deliveries) report(name string, p Progress) {
	switch what := "output " + name; {
	case p.LastError != "":
		d.keeper.Problems().Set(what, errors.New(p.LastError))
	case p.HookError != "":
		d.keeper.Problems().Set(what, errors.New("its command failed: "+p.HookError))
	default:
		d.keeper.Problems().Clear(what)
	}
}

// Save implements Ledger.
func (d deliveries) Save(name string, p Progress, results []Result) error {
	var events []store.Event
	for _, r := range results {
		events = append(events, store.Event{Account: r.Account, Data: client.OutputRun{
			Failed: r.Outcome == OutcomeFailed, Output: name, Generation: r.Generation, Stage: r.Stage, Attempts: r.Attempts,
			GaveUp: r.GaveUp, Detail: r.Detail, Exit: r.Exit, TookMS: r.Took.Milliseconds(),
		}})
	}
	d.report(name, p)
	return d.keeper.Store().Put(store.KindOutput, name, p, events)
}

// Outputs are the outputs of one configuration. On a reload others take their
// place; how far each is stays in the vault.
type Outputs struct {
	keeper *keeper.Keeper
	own    ownfile.Files
	read   setting.Reader
	engine *Engine
	left   []leftOut
}

// leftOut is an output that could not be made. The others go on without it.
type leftOut struct {
	entry config.Output
	err   error
}

// Configured builds the outputs of a configuration without starting them. None of
// them may write one of the own files. One that cannot be made is left out, see
// [Outputs.LeftOut].
func Configured(k *keeper.Keeper, c config.Config, own ownfile.Files) *Outputs {
	o := &Outputs{keeper: k, own: own, read: config.ReadSecret, engine: &Engine{}}
	for _, entry := range c.Output {
		e, err := o.output(entry)
		if err == nil {
			err = o.engine.add(e, k, deliveries{k}, *k.Log())
		}
		if err != nil {
			o.left = append(o.left, leftOut{entry, err})
		}
	}
	return o
}

// LeftOut are the outputs that could not be made, by their names, and why.
func (o *Outputs) LeftOut() map[string]error {
	left := make(map[string]error, len(o.left))
	for _, l := range o.left {
		left[l.entry.Name] = l.err
	}
	return left
}

// Check makes an output as Configured does, and reads the file of its secret.
func Check(entry config.Output, own ownfile.Files, read setting.Reader) error {
	e, err := (&Outputs{own: own, read: read}).output(entry)
	if err == nil {
		_, err = prepare(e)
	}
	return err
}

// output is an entry of the configuration as the engine takes it.
func (o *Outputs) output(entry config.Output) (Output, error) {
	e := Output{
		Name: entry.Name, Account: entry.Account, Format: entry.Format, Template: entry.Template,
		Path: entry.Path, Owner: entry.Owner, InPlace: entry.InPlace, Own: o.own, WithRefreshToken: entry.WithRefreshToken,
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
	address, err := output.Address(entry, o.read)
	if err != nil || address.IsZero() {
		return e, err
	}
	e.Push = &Push{
		Preset: entry.Preset, URL: address.Reveal(), Method: entry.Method, ContentType: entry.ContentType,
		AllowHTTP: entry.AllowHTTP, Proxy: secret.New(entry.Proxy), Version: o.version(),
	}
	for _, name := range slices.Sorted(maps.Keys(entry.Headers)) {
		e.Push.Headers = append(e.Push.Headers, Header{Name: name, Value: Text(entry.Headers[name])})
	}
	if entry.SecretFile != "" {
		e.Push.Secret = File(entry.SecretFile)
	}
	_, err = setting.ReadAll(output.Files(entry), o.read)
	return e, err
}

func (o *Outputs) version() string {
	if o.keeper == nil {
		return ""
	}
	return o.keeper.Version()
}

// Run writes outputs until ctx ends.
func (o *Outputs) Run(ctx context.Context) error { return o.engine.Run(ctx) }

// Replaces takes back what was said of outputs that are no more.
func (o *Outputs) Replaces(old *Outputs) {
	for _, s := range old.engine.Status() {
		if !slices.ContainsFunc(o.engine.Status(), func(now Status) bool { return now.Name == s.Name }) {
			o.keeper.Problems().Clear("output " + s.Name)
		}
	}
}

// Status returns how each output has been doing.
func (o *Outputs) Status() []client.Output {
	list := []client.Output{}
	for _, s := range o.engine.Status() {
		list = append(list, viewOutput(s))
	}
	for _, l := range o.left {
		list = append(list, viewOutput(Status{
			Name: l.entry.Name, Account: l.entry.Account, Format: l.entry.Format, Place: l.entry.Path, Kind: kindOf(l.entry),
			State: StateFailed, Progress: Progress{LastError: "left out: " + l.err.Error()},
		}))
	}
	return list
}

func kindOf(entry config.Output) string {
	switch {
	case entry.Pushes():
		return StagePush
	case entry.Path != "":
		return StageFile
	}
	return StageHook
}

// RunNow writes an output now.
func (o *Outputs) RunNow(ctx context.Context, name string) (client.Output, error) {
	s, err := o.engine.RunNow(ctx, name)
	switch left := o.LeftOut()[name]; {
	case left != nil:
		return client.Output{}, &client.Problem{Type: client.ProblemOutput, Title: "the output failed", Detail: "output " + name + " is left out: " + left.Error()}
	case errors.Is(err, ErrNoOutput):
		names := []string{}
		for _, s := range o.engine.Status() {
			names = append(names, s.Name)
		}
		p := &client.Problem{Type: client.ProblemNoOutput, Title: "there is no such output", Detail: "there is no output " + name,
			Hint: "configured are: " + strings.Join(names, ", ")}
		if len(names) == 0 {
			p.Hint = "no [[output]] is configured"
		}
		return client.Output{}, p
	case errors.Is(err, ErrNoCredential):
		return client.Output{}, account.NeedsLogin(s.Account, "there is no living credential to write")
	case err != nil:
		return client.Output{}, &client.Problem{Type: client.ProblemOutput, Title: "the output failed", Detail: "output " + name + ": " + err.Error()}
	}
	return viewOutput(s), nil
}

func viewOutput(s Status) client.Output {
	retry := s.RetryAt
	if retry.IsZero() {
		retry = s.HookRetryAt
	}
	return client.Output{
		Name: s.Name, Account: s.Account, Format: s.Format, Kind: s.Kind, Place: s.Place, State: s.State,
		Generation: s.Generation, LastWritten: account.Known(s.WrittenAt), LastFailed: account.Known(s.FailedAt),
		RetryAt: account.Known(retry), LastError: s.LastError,
		HookGeneration: s.HookGeneration, HookAt: account.Known(s.HookAt), HookExit: s.HookExit, HookError: s.HookError,
	}
}
