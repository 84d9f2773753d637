package heartbeat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

const (
	// problem is what the heartbeat is called in the status.
	problem = "heartbeat"
	// longestAnswer is how long the service may take.
	longestAnswer = 10 * time.Second
	// soon is when it is tried again after a failure: services wait little longer
	// than the usual pause before they raise the alarm.
	soon = 30 * time.Second
	// mostNamed is how many accounts are named that need a person.
	mostNamed = 3
)

// Heartbeat tells one service. One without an address tells nobody.
type Heartbeat struct {
	keeper *keeper.Keeper
	// working returns what keeps the keeper from its work.
	working  func(ctx context.Context) error
	address  secret.String
	token    secret.String
	failPath string
	every    time.Duration
	// transport takes the place of the guarded one, for tests.
	transport http.RoundTripper
}

// New builds what [heartbeat] says. It sends nothing yet; its error holds no
// secret, and beside it is one that tells nobody.
func New(k *keeper.Keeper, c config.Heartbeat, working func(ctx context.Context) error) (*Heartbeat, error) {
	address, err := c.Address()
	if err != nil {
		return &Heartbeat{keeper: k}, fmt.Errorf("heartbeat.%w", err)
	}
	token, err := c.Token()
	if err != nil {
		return &Heartbeat{keeper: k}, fmt.Errorf("heartbeat.%w", err)
	}
	return &Heartbeat{
		keeper: k, working: working, address: address, token: token, failPath: c.FailPath, every: c.Every.Std(),
	}, nil
}

// Run tells the service until ctx ends.
func (h *Heartbeat) Run(ctx context.Context) error {
	problems := h.keeper.Problems()
	defer problems.Clear(problem)
	if h.address.IsZero() {
		<-ctx.Done()
		return nil
	}
	for last := ""; ; {
		pause := h.every
		err := h.beat(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			pause = min(pause, soon)
			problems.Set(problem, err)
			if err.Error() != last {
				h.keeper.Log().Warn().Err(err).Msg("the heartbeat was not told")
			}
			last = err.Error()
		default:
			problems.Clear(problem)
			last = ""
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// beat tells the service once, if there is something to tell.
func (h *Heartbeat) beat(ctx context.Context) error {
	if err := h.working(ctx); err != nil {
		return fmt.Errorf("held back: %w", err)
	}
	if err := h.keeper.Shared().Trouble(); err != nil {
		return fmt.Errorf("held back: no part in the cluster: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, longestAnswer)
	defer cancel()
	client, err := outbound.New("the heartbeat's url", h.target(needy(h.keeper.Accounts().Status())), outbound.Options{AllowHTTP: true, Version: h.keeper.Version(), Transport: h.transport})
	if err != nil {
		return err
	}
	request := outbound.Request{Method: http.MethodGet}
	if !h.token.IsZero() {
		request.Method, request.Header = http.MethodPost, http.Header{"Authorization": {"Bearer " + h.token.Reveal()}}
	}
	_, err = client.Do(ctx, request)
	return err
}

// target is the address to ask for, with what there is to tell put in.
func (h *Heartbeat) target(needy []string) string {
	address, status, success, text := h.address.Reveal(), "up", "true", "OK"
	if len(needy) > 0 {
		status, success, text = "down", "false", sentence(needy)
		if h.failPath != "" {
			path, query, has := strings.Cut(address, "?")
			address = strings.TrimSuffix(path, "/") + h.failPath
			if has {
				address += "?" + query
			}
		}
	}
	return strings.NewReplacer("{status}", status, "{success}", success, "{msg}", escaped(text)).Replace(address)
}

// escaped makes a text part of an address, in its path or in its query.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// needy are the accounts that a person has to log in.
func needy(s client.Status) []string {
	var names []string
	for _, a := range s.Accounts {
		dead := a.LastCheck != nil && *a.LastCheck == client.CheckDead
		if a.State == client.StateNeedsLogin || a.State == client.StateLoggingIn && dead {
			names = append(names, a.Name)
		}
	}
	return names
}

func sentence(names []string) string {
	verb := " needs a login"
	if len(names) > 1 {
		verb = " need a login"
	}
	if over := len(names) - mostNamed; over > 0 {
		names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", over))
	}
	return strings.Join(names, ", ") + verb
}

// String keeps the address out of every print.
func (h *Heartbeat) String() string { return "heartbeat [" + setting.MaskedText + "]" }

// GoString is String.
func (h *Heartbeat) GoString() string { return h.String() }
