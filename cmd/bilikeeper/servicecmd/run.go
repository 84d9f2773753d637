package servicecmd

import (
	"context"
	"os"

	"github.com/kardianos/service"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// runService runs the keeper under a service manager that wants to be answered
// (Windows) or that the library starts programs for. It reports itself running
// at once: a vault that takes long to open must not look like a failed start.
func runService(ctx context.Context, env *cli.Env) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &serviceRun{env: env, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	s, err := newLibraryService(packaging.Program{}, false, r)
	if err != nil {
		return serviceError("run", err)
	}
	return s.Run()
}

type serviceRun struct {
	env    *cli.Env
	ctx    context.Context // the library's callbacks take none
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func (r *serviceRun) Start(service.Service) error {
	go func() {
		r.err = runDaemon(r.ctx, r.env)
		if r.err != nil {
			// The manager asked for nothing, so nothing would end this process;
			// it is told by the exit code, and starts the keeper again.
			os.Exit(r.env.Report(r.err))
		}
		close(r.done)
	}()
	return nil
}

func (r *serviceRun) Stop(service.Service) error {
	r.cancel()
	<-r.done
	return nil
}
