package control

import (
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
)

// browsers serves who is signed in to the account page. Where none is served, none
// is signed in.
type browsers struct{ signIn *signin.SignIn }

func (b *browsers) served() (*signin.SignIn, error) {
	if b.signIn == nil {
		return nil, &client.Problem{Type: client.ProblemNotFound, Detail: "this keeper serves no account page",
			Hint: "set page.listen in the configuration, and restart the keeper"}
	}
	return b.signIn, nil
}

func (b *browsers) link(w http.ResponseWriter, r *http.Request) error {
	in, err := b.served()
	if err != nil {
		return err
	}
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	return writeJSON(w, in.Link())
}

func (b *browsers) list(w http.ResponseWriter, _ *http.Request) error {
	in, err := b.served()
	if err != nil {
		return err
	}
	return writeJSON(w, client.PageSessionList{Sessions: in.Sessions()})
}

func (b *browsers) revoke(w http.ResponseWriter, r *http.Request) error {
	in, err := b.served()
	if err != nil {
		return err
	}
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := in.Revoke(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
