package parts

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/vault"
)

// A host that shares nothing is asked for nothing, and whoever asks it gets no owner.
func TestHostAlone(t *testing.T) {
	h := NewHost("test", zerolog.Nop())
	if err := h.Join(nil); err != nil || h.Membership() != nil {
		t.Errorf("it has the part %v, %v", h.Membership(), err)
	}
	h.Serve(nil)
	h.Gained([]string{"main"})
	h.Lost([]string{"main"})
	if key, revision := h.Fence("main"); key != "" || revision != 0 || h.Yield("main") {
		t.Errorf("it owns main by %q, %d", key, revision)
	}
	h.Leave()
}

// part is a part in a cluster whose joining goes as the test says.
type part struct {
	*cluster.Alone
	closed int
}

func (p *part) Close(context.Context) error {
	p.closed++
	return nil
}

// A name is waited for until the process that has it is seen to live; that ends the
// keeper as a wrong configuration does.
func TestHostsNameTaken(t *testing.T) {
	taken := fmt.Errorf("%w, a", cluster.ErrNameTaken)
	for _, tt := range []struct {
		name string
		err  func(age time.Duration) error
		ends bool
	}{
		{"joined at once", func(time.Duration) error { return nil }, false},
		{"the one before was killed", func(age time.Duration) error {
			if age < time.Minute {
				return taken
			}
			return nil
		}, false},
		{"the one before lives", func(age time.Duration) error {
			if age < 5*time.Second {
				return taken
			}
			return fmt.Errorf("%w and %w", taken, cluster.ErrNameHeld)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := &part{Alone: cluster.NewAlone("a", "test", began)}
				h := NewHost("test", zerolog.Nop())
				h.Joins(func(vault.Vault) (*Part, error) {
					return &Part{Membership: p, Joined: func(context.Context) error { return tt.err(time.Since(began)) }}, nil
				})
				if err := h.Join(nil); err != nil || h.Membership() == nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				select {
				case err := <-h.Taken():
					if !tt.ends || !errors.Is(err, ErrConfiguration) {
						t.Errorf("it ended with %v", err)
					}
				default:
					if tt.ends {
						t.Error("it goes on")
					}
				}
				h.Leave()
				h.Leave()
				if p.closed != 1 {
					t.Errorf("the cluster was left %d times", p.closed)
				}
			})
		})
	}
}
