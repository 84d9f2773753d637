package control

import (
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
)

// pageRoute serves a route about the browsers that are signed in to the account
// page. Where none is served, none is signed in.
func pageRoute(serve func(*signin.SignIn, http.ResponseWriter, *http.Request) error) func(*Server, http.ResponseWriter, *http.Request) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		if s.parts.SignIn == nil {
			return &client.Problem{Type: client.ProblemNotFound, Detail: "this keeper serves no account page",
				Hint: "set page.listen in the configuration, and restart the keeper"}
		}
		return serve(s.parts.SignIn, w, r)
	}
}

func pageLink(in *signin.SignIn, w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	return writeJSON(w, in.Link())
}

func pageSessions(in *signin.SignIn, w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, client.PageSessionList{Sessions: in.Sessions()})
}

func revokePageSession(in *signin.SignIn, w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := in.Revoke(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
