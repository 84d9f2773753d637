package program

import (
	"os"
	"os/signal"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/processgroup"
)

// leaveLook is how often a program's group is looked at for members that go on
// after the program has ended.
const leaveLook = 20 * time.Millisecond

// Restarting runs a program, and another one in its place whenever one comes.
type Restarting struct {
	// Next brings what is to run in place of what runs. It is ready to be started.
	Next <-chan *Program
	// Grace is how long a program has to end by itself once it was asked to.
	Grace time.Duration
	// Told is called before a program is asked to end.
	Told func()

	signals chan os.Signal
	// leaving is true once a signal was passed on that ends programs: this one is
	// to end then, and nothing is started any more.
	leaving bool
}

// Run starts with the program first and ends with the one that ends by itself.
// Each runs in a process group of its own, which is ended as a whole.
func (r *Restarting) Run(first *Program) error {
	r.signals = make(chan os.Signal, 8)
	signal.Notify(r.signals, passedOn...)
	defer signal.Stop(r.signals)
	for next := first; ; {
		running, err := start(next)
		if err != nil {
			return err
		}
		newer, err := r.attend(running)
		running.group.Close()
		running.Discard()
		if newer == nil {
			return err
		}
		next = newer
	}
}

// running is a program that was started.
type running struct {
	*Program
	group *processgroup.Group
	done  chan error
}

func start(p *Program) (*running, error) {
	r := &running{Program: p, group: processgroup.New(p.cmd), done: make(chan error, 1)}
	if err := p.cmd.Start(); err != nil {
		r.group.Close()
		p.Discard()
		return nil, notRun(p.cmd, err)
	}
	r.group.Started()
	go func() { r.done <- p.cmd.Wait() }()
	return r, nil
}

// attend returns when a program has ended: with what is to run next, or with
// what this one ends with.
func (r *Restarting) attend(p *running) (*Program, error) {
	for {
		next := r.Next
		if r.leaving {
			next = nil
		}
		select {
		case s := <-r.signals:
			r.pass(p, s)
		case err := <-p.done:
			return nil, result(err)
		case newer := <-next:
			return r.replace(p, newer)
		}
	}
}

func (r *Restarting) pass(p *running, s os.Signal) {
	r.leaving = r.leaving || ends(s)
	_ = p.group.Signal(s)
}

// replace ends a program for another one. Where a newer one comes meanwhile, it
// is that which is returned.
func (r *Restarting) replace(p *running, newer *Program) (*Program, error) {
	select {
	case err := <-p.done: // it had ended by itself
		newer.Discard()
		return nil, result(err)
	default:
	}
	r.Told()
	_ = p.group.Terminate()
	over := time.NewTimer(r.Grace)
	defer over.Stop()
	deadline := time.Now().Add(r.Grace)
	for {
		select {
		case s := <-r.signals:
			r.pass(p, s)
		case newest := <-r.Next:
			newer.Discard()
			newer = newest
		case <-over.C:
			_ = p.group.Kill()
		case err := <-p.done:
			for !p.group.Empty() && time.Now().Before(deadline) {
				time.Sleep(leaveLook)
			}
			_ = p.group.Kill()
			return r.decide(p, newer, err)
		}
	}
}

// decide is what follows the end of a program that was asked to end: a signal
// that ended it for good is heeded also where it came in the last moment.
func (r *Restarting) decide(p *running, newer *Program, err error) (*Program, error) {
	for len(r.signals) > 0 {
		r.leaving = r.leaving || ends(<-r.signals)
	}
	if r.leaving {
		newer.Discard()
		return nil, result(err)
	}
	return newer, nil
}
