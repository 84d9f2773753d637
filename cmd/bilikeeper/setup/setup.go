package setup

import (
	"context"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// setup is one run through the steps.
type setup struct {
	env    *cli.Env
	parts  Parts
	o      options
	person *person
	// dropIns is where the machine's unit is added to.
	dropIns string

	kind    string // whose keeper: one of the kind… words
	manager string // the service manager
	running bool   // a keeper answers
	service bool   // and is the service
	file    *file
	tool    tool // whom the output is for

	// changed is true where the keeper has to read its configuration anew, restart
	// where the service has to start anew for it. reexamine is true where the
	// service manager has to read its units anew before.
	changed, restart, reexamine bool

	failed error // the first step that failed and did not end the others
	done   done
}

// done is what there is in the end.
type done struct {
	Keeper  string       `json:"keeper"`
	Running bool         `json:"running"`
	Service bool         `json:"service"`
	Config  string       `json:"config"`
	Channel *doneChannel `json:"channel"`
	Account string       `json:"account,omitempty"`
	Output  *doneOutput  `json:"output"`
	Next    []string     `json:"next"`
}

type doneChannel struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Delivered bool   `json:"delivered"`
}

type doneOutput struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Path    string `json:"path"`
	Written bool   `json:"written"`
}

// run goes through the steps. What is written is written before the service is
// started, so that it starts with it.
func (s *setup) run(ctx context.Context) error {
	if err := s.chooseKeeper(ctx); err != nil {
		return err
	}
	s.lookAtService()
	for _, step := range []func(context.Context) error{s.open, channelStep{s}.add, s.startService, s.takeUp} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{channelStep{s}.sample, s.login} {
		if err := s.goOn(ctx, step(ctx)); err != nil {
			return err
		}
	}
	if err := (outputStep{s}).add(ctx); err != nil {
		return err
	}
	if err := s.takeUp(ctx); err != nil {
		return err
	}
	if err := s.goOn(ctx, outputStep{s}.write(ctx)); err != nil {
		return err
	}
	s.done.Keeper, s.done.Running, s.done.Service, s.done.Config = s.kind, s.running, s.service, s.file.path
	s.done.Next = s.next(cli.Language{})
	err := s.env.Show(s.done, func() { s.say() })
	if err == nil && s.failed != nil {
		return cli.Exit(s.env.Code(s.failed), "")
	}
	return err
}

// goOn tells of a step that failed and lets the next ones come, unless nobody
// wants them any more.
func (s *setup) goOn(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.env.Report(err)
	if s.failed == nil {
		s.failed = err
	}
	return nil
}

// say ends with what there is to do next.
func (s *setup) say() {
	if s.failed == nil {
		s.env.Say("\nDone. What to do with it:")
	} else {
		s.env.Say("\nNot all of it is done; run it again when that is mended. What to do then:")
	}
	for _, command := range s.next(s.env.Language()) {
		s.env.Print("  %s\n", command)
	}
}

// login logs the first account in.
func (s *setup) login(ctx context.Context) error {
	if s.o.noLogin {
		return nil
	}
	name := s.o.login
	if !s.running {
		if name != "" {
			return cli.FailWith(cli.ExitNoKeeper, cli.Format("start one: bilikeeper daemon; then: bilikeeper login %s", name), "%s cannot be logged in: no keeper runs", name)
		}
		return nil
	}
	accounts, err := s.env.Client().Accounts(ctx)
	if err != nil {
		return err
	}
	if name == "" {
		fallback := "main"
		for _, a := range accounts {
			s.env.Say("There is an account: %s (%s).", a.Name, a.State)
			fallback = skip
		}
		if len(accounts) > 0 {
			s.done.Account = accounts[0].Name
		}
		if s.person.yes {
			return nil // a code needs a person
		}
		s.env.Say("\nA login: a code appears here, and is scanned with the Bilibili app.")
		if name, err = s.person.ask(ctx, "A name for the account (- for none)", fallback); err != nil || name == skip {
			return err
		}
	}
	if err := s.logIn(ctx, name); err != nil {
		return err
	}
	s.done.Account = name
	return nil
}

// logIn shows the code. What is machine-readable comes once, in the end.
func (s *setup) logIn(ctx context.Context, name string) error {
	if s.env.JSON {
		out := s.env.Stdout
		s.env.Stdout, s.env.JSON = s.env.Stderr, false
		defer func() { s.env.Stdout, s.env.JSON = out, true }()
	}
	return s.parts.Login(ctx, s.env, name, s.o.qrFile)
}
