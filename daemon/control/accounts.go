package control

import (
	"net/http"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, s.statusFor(s.rights(socket.PeerOf(r.Context()))))
}

// statusFor is the status as a peer may see it. The keeper's own troubles may
// name any account, so they are for those who may see all.
func (s *Server) statusFor(own socket.Rights) client.Status {
	st := s.parts.Accounts.Status()
	seen := make([]client.Account, 0, len(st.Accounts))
	for _, a := range st.Accounts {
		if own.May(socket.VerbStatus, a.Name) {
			seen = append(seen, shown(a, own))
		}
	}
	st.Accounts = seen
	if st.Daemon.Problems == nil || !own.May(socket.VerbStatus, socket.Every) {
		st.Daemon.Problems = []string{}
	}
	if st.Daemon.NeedsRestart == nil || !own.May(socket.VerbStatus, socket.Every) {
		st.Daemon.NeedsRestart = []string{}
	}
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

func (s *Server) accounts(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, client.AccountList{Accounts: s.statusFor(s.rights(socket.PeerOf(r.Context()))).Accounts})
}

func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	a, err := s.parts.Accounts.Get(r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, shown(a, s.rights(socket.PeerOf(r.Context()))))
}

func (s *Server) forget(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := s.parts.Accounts.Forget(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) check(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := s.parts.Checker.Check(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, s.rights(socket.PeerOf(r.Context())))
	return writeJSON(w, result)
}

func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := s.parts.Refresher.Refresh(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, s.rights(socket.PeerOf(r.Context())))
	return writeJSON(w, result)
}

func (s *Server) importLogin(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.ImportRequest](w, r, false)
	if err != nil {
		return err
	}
	if request.Account == "" {
		request.Account = defaultAccount
	}
	own := s.rights(socket.PeerOf(r.Context()))
	if !own.May(socket.VerbManage, request.Account) {
		return own.Refusal(socket.VerbManage, request.Account, s.directory)
	}
	result, err := s.parts.Mover.Import(r.Context(), request)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, own)
	result.Notes = append([]string{}, result.Notes...)
	return writeJSON(w, result)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := s.parts.Mover.Logout(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}

func (s *Server) channels(w http.ResponseWriter, _ *http.Request) error {
	list := append([]client.Channel{}, s.parts.Channels.Channels()...)
	for i := range list {
		list[i].Events = append([]string{}, list[i].Events...)
		list[i].Accounts = append([]string{}, list[i].Accounts...)
	}
	return writeJSON(w, client.ChannelList{Channels: list})
}

func (s *Server) testChannel(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := s.parts.Channels.TestChannel(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}

func (s *Server) outputs(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, client.OutputList{Outputs: append([]client.Output{}, s.parts.Outputs.Outputs()...)})
}

func (s *Server) runOutput(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := s.parts.Outputs.RunOutput(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := s.parts.Reloader.Reload(r.Context())
	if err != nil {
		return err
	}
	result.Changed = append([]string{}, result.Changed...)
	result.NeedsRestart = append([]string{}, result.NeedsRestart...)
	return writeJSON(w, result)
}
