package control

import (
	"net/http"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// accounts serves what is asked of accounts, and the status of them all.
type accounts struct {
	*access
	keeper keeper.Accounts
	// needsRestart are the configuration's keys that were changed and take effect
	// at the next start.
	needsRestart func() []string
	// file is the one that the configuration is in.
	file string
}

func (a *accounts) status(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, a.statusFor(a.of(r)))
}

// statusFor is the status as a peer may see it. The keeper's own troubles may
// name any account, so they are for those who may see all.
func (a *accounts) statusFor(own socket.Rights) client.Status {
	st := a.keeper.Status()
	st.Daemon.Config = a.file
	st.Daemon.Problems, st.Daemon.NeedsRestart = append([]string{}, st.Daemon.Problems...), []string{}
	seen := make([]client.Account, 0, len(st.Accounts))
	for _, one := range st.Accounts {
		if own.May(socket.VerbStatus, one.Name) {
			seen = append(seen, shown(one, own))
		}
	}
	st.Accounts = seen
	if !own.May(socket.VerbStatus, socket.Every) {
		st.Daemon.Problems = []string{}
		return st
	}
	st.Daemon.NeedsRestart = append(st.Daemon.NeedsRestart, a.needsRestart()...)
	return st
}

// shown is an account as it goes out: lists are never null. The id of a login
// leads to its code and is for those who may log in.
func shown(a client.Account, own socket.Rights) client.Account {
	if a.Tags == nil {
		a.Tags = []string{}
	}
	if !own.May(socket.VerbLogin, a.Name) {
		a.LoginID = ""
	}
	a.SameSession = slices.DeleteFunc(slices.Clone(a.SameSession), func(name string) bool { return !own.May(socket.VerbStatus, name) })
	return a
}

func (a *accounts) list(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, client.AccountList{Accounts: a.statusFor(a.of(r)).Accounts})
}

func (a *accounts) get(w http.ResponseWriter, r *http.Request) error {
	got, err := a.keeper.Get(r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, shown(got, a.of(r)))
}

// patch changes what is kept of an account's settings.
func (a *accounts) patch(w http.ResponseWriter, r *http.Request) error {
	patch, err := decode[client.AccountPatch](w, r, false)
	if err != nil {
		return err
	}
	changed, err := a.keeper.Patch(r.Context(), r.PathValue("name"), patch)
	if err != nil {
		return err
	}
	return writeJSON(w, shown(changed, a.of(r)))
}

// usualHistory is how many days are told of where nobody asks for more.
const usualHistory = 90

func (a *accounts) history(w http.ResponseWriter, r *http.Request) error {
	days, ok, err := counter(r.URL.Query(), "days")
	if err != nil || ok && (days < 1 || days > client.MostHistory) {
		return badRequest("the parameter \"days\" is a number from 1 to %d", client.MostHistory)
	}
	if !ok {
		days = usualHistory
	}
	h, err := a.keeper.History(r.PathValue("name"), int(days))
	if err != nil {
		return err
	}
	return writeJSON(w, h)
}

func (a *accounts) forget(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := a.keeper.Forget(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *accounts) check(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := a.keeper.Check(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, a.of(r))
	return writeJSON(w, result)
}

func (a *accounts) refresh(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := a.keeper.Refresh(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, a.of(r))
	return writeJSON(w, result)
}

func (a *accounts) importLogin(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.ImportRequest](w, r, false)
	if err != nil {
		return err
	}
	if request.Account == "" {
		request.Account = defaultAccount
	}
	own := a.of(r)
	if !own.May(socket.VerbManage, request.Account) {
		return a.refusal(own, socket.VerbManage, request.Account)
	}
	result, err := a.keeper.Import(r.Context(), request)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, own)
	result.Notes = append([]string{}, result.Notes...)
	return writeJSON(w, result)
}

func (a *accounts) logout(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := a.keeper.Logout(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}
