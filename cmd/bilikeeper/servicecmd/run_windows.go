package servicecmd

import (
	"bytes"
	"context"
	"os"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/windows/svc"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

const (
	// stopStep is how often a stop tells that it goes on, and stopHint the time
	// within which the next sign comes.
	stopStep = 5 * time.Second
	stopHint = 20 * time.Second
)

// runService runs the keeper as a service of Windows. It reports itself running at
// once: a vault that takes long to open must not look like a failed start. The
// library's own way has no reload, leaves a stop at the system's shutdown five
// seconds, and tells nobody why it ended.
func runService(ctx context.Context, env *cli.Env) error {
	if service, err := svc.IsWindowsService(); err != nil || !service {
		return runDaemon(ctx, env, make(chan os.Signal, 1)) // somebody tries it by hand
	}
	if log, err := openEvents(); err == nil {
		defer log.Close()
		env.Events, env.Stderr = log, log
	}
	return svc.Run(serviceName, &serviceRun{env: env, ctx: ctx})
}

type serviceRun struct {
	env *cli.Env
	ctx context.Context // the callback takes none
}

// Execute implements svc.Handler.
func (r *serviceRun) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	changes <- svc.Status{State: svc.StartPending}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	ended, reload := make(chan error, 1), make(chan os.Signal, 1)
	go func() { ended <- runDaemon(ctx, r.env, reload) }()
	changes <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptPreShutdown | svc.AcceptParamChange}
	for {
		select {
		case err := <-ended:
			return r.ended(err, false)
		case c := <-requests:
			switch c.Cmd {
			case svc.Interrogate:
				changes <- c.CurrentStatus
			case svc.ParamChange: // sc.exe control bilikeeper paramchange
				select {
				case reload <- syscall.SIGHUP:
				default: // one is asked for already
				}
			case svc.Stop, svc.PreShutdown:
				cancel()
				return r.ended(awaitEnd(ended, changes), true)
			}
		}
	}
}

// awaitEnd waits for the keeper's end and tells the service manager each few seconds
// that it comes.
func awaitEnd(ended <-chan error, changes chan<- svc.Status) error {
	step := time.NewTicker(stopStep)
	defer step.Stop()
	for sign := uint32(1); ; sign++ {
		changes <- svc.Status{State: svc.StopPending, CheckPoint: sign, WaitHint: uint32(stopHint.Milliseconds())}
		select {
		case err := <-ended:
			return err
		case <-step.C:
		}
	}
}

// ended says how the service ended. The manager starts again what ends without saying
// so, which is what a failure does; a wrong configuration is no better the next time.
func (r *serviceRun) ended(err error, asked bool) (specific bool, code uint32) {
	if err == nil {
		return false, 0
	}
	var said bytes.Buffer
	r.env.Stderr = &said
	code = uint32(r.env.Report(err))
	if r.env.Events != nil {
		_, _ = r.env.Events.WriteLevel(zerolog.ErrorLevel, said.Bytes())
	}
	if !asked && code != cli.ExitConfiguration {
		os.Exit(int(code))
	}
	return true, code
}
