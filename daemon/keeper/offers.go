package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	// offering is how long an offer may take: its owner may ask the site.
	offering = time.Minute
	// offerEach is between two looks while something is kept, and lookEach while nothing
	// is known to be.
	offerEach, lookEach = 2 * time.Second, time.Minute
)

// Offers are what the site gave to a host that could not write it any more, on the way to
// the one that looks after the account now.
type Offers struct{ keeper *Keeper }

// Offers returns the keeper's part in them.
func (s Shared) Offers() Offers { return Offers(s) }

// offer is what one host asks another to take up.
type offer struct {
	Account string `json:"account"`
	Kept    []byte `json:"kept"`
	// Denied is true where the site denied it before.
	Denied bool `json:"denied,omitempty"`
}

// offered is a request with an offer; other requests have none.
type offered struct {
	Offer *offer `json:"offer"`
}

// taken is the answer.
type taken struct {
	// Done is true where nothing has to be kept any more, Denied where the site denied it.
	Done   bool   `json:"done"`
	Denied bool   `json:"denied,omitempty"`
	Why    string `json:"why,omitempty"`
}

// run offers what is kept, until ctx ends.
func (o Offers) run(ctx context.Context) {
	k := o.keeper
	denied := map[string]time.Time{}
	for {
		settled, more, pause := k.share.settled.Wait(), k.parts.Unwritten.Wait(), lookEach
		for _, name := range o.kept() {
			pause = offerEach
			if at := denied[name]; !at.IsZero() && time.Since(at) < k.Settings().Check.ConfirmAfter.Std() {
				continue
			}
			one, cancel := context.WithTimeout(ctx, offering)
			answer, err := o.pass(one, name, !denied[name].IsZero())
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				k.log.Debug().Err(err).Str("account", name).Msg("what the site gave is kept on")
			case answer.Done:
				delete(denied, name)
			case answer.Denied:
				denied[name] = time.Now()
			}
		}
		look := time.NewTimer(pause)
		select {
		case <-settled:
		case <-more:
		case <-look.C:
		case <-ctx.Done():
			look.Stop()
			return
		}
		look.Stop()
	}
}

// kept are the accounts of which something is kept here.
func (o Offers) kept() []string {
	return o.keeper.parts.Unwritten.Of(func(yield func(string) bool) {
		for _, w := range o.keeper.list() {
			if !yield(w.Name()) {
				return
			}
		}
	})
}

// pass has what is kept of an account taken up by who looks after it, and forgets it
// once it is.
func (o Offers) pass(ctx context.Context, name string, denied bool) (answer taken, err error) {
	k := o.keeper
	data, err := k.parts.Unwritten.Get(name)
	if err != nil || data == nil {
		return answer, err
	}
	one := offer{Account: name, Kept: data, Denied: denied}
	switch host := k.share.cluster.Owner(name); {
	case k.share.cluster.Owned(name):
		answer = o.take(ctx, one)
	case host == "" || host == k.Shared().self():
		return answer, errors.New("nobody looks after the account")
	default:
		request, err := json.Marshal(offered{&one})
		if err != nil {
			return answer, err
		}
		reply, err := k.Shared().Ask(ctx, host, request)
		if err == nil {
			err = json.Unmarshal(reply, &answer)
		}
		if err != nil {
			return answer, err
		}
	}
	if !answer.Done {
		k.log.Debug().Str("account", name).Str("why", answer.Why).Msg("what the site gave is kept on")
		return answer, nil
	}
	k.log.Info().Str("account", name).Msg("what the site gave and could not be written is where it belongs")
	return answer, k.parts.Unwritten.Forget(name, data)
}

// Take takes up what another host offers. ok is false where the request is none.
func (o Offers) Take(ctx context.Context, request []byte) (answer []byte, ok bool, err error) {
	var r offered
	if json.Unmarshal(request, &r) != nil || r.Offer == nil {
		return nil, false, nil
	}
	answer, err = json.Marshal(o.take(ctx, *r.Offer))
	return answer, true, err
}

func (o Offers) take(ctx context.Context, one offer) taken {
	w := o.keeper.find(one.Account)
	if w == nil {
		return taken{Why: "there is no such account here"}
	}
	switch err := ownership(w).TakeBack(ctx, one.Kept, one.Denied); {
	case err == nil:
		return taken{Done: true}
	case errors.Is(err, account.ErrDeniedOnce):
		return taken{Denied: true, Why: err.Error()}
	case errors.Is(err, vault.ErrConflict):
		return taken{Why: "the account has just changed"}
	default:
		return taken{Why: err.Error()}
	}
}
