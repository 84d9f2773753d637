package handover

import (
	"context"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

const (
	// longest bounds what another host is asked for: a check waits for its second
	// question.
	longest = 5 * time.Minute
	// moving is how long an account that is between two hosts is waited for.
	moving = 10 * time.Second
	// copying is how long the answer waits for this host's copy to be as new.
	copying = 2 * time.Second
)

// ByOwner has something done for an account here, where this host looks after it, or there,
// by the host that does. Where nothing was begun, because the account has just moved, it
// is done again.
func ByOwner(ctx context.Context, hosts keeper.Shared, name string, here func() error, there func(host string) error) error {
	over := time.Now().Add(moving)
	for {
		settled := hosts.Settled()
		var err error
		if host := hosts.Host(name); host == "" {
			err = here()
		} else {
			err = there(host)
		}
		if !errors.Is(err, &client.Problem{Type: client.ProblemElsewhere}) || time.Now().After(over) {
			return err
		}
		again := time.NewTimer(time.Second)
		select {
		case <-settled:
		case <-again.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if again.Stop(); ctx.Err() != nil {
			return err
		}
	}
}

// Ask has another host carry a request out, and returns its answer once this host's copy
// is as new: whoever asks here next sees what came of it. A problem that it answers with
// is an error.
func (h Request) Ask(ctx context.Context, hosts keeper.Shared, host string) (Answer, error) {
	request, err := h.Encode()
	if err != nil {
		return Answer{}, err
	}
	within, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	data, err := hosts.Ask(within, host, request)
	if ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	var answer Answer
	if err == nil {
		answer, err = ReadAnswer(data)
	}
	if err != nil {
		return Answer{}, account.OwnerAway(h.Account, host, err)
	}
	if p := answer.Problem(); p != nil {
		return Answer{}, p
	}
	copied, done := context.WithTimeout(ctx, copying)
	defer done()
	hosts.Await(copied, h.Account, answer.Revision)
	return answer, nil
}
