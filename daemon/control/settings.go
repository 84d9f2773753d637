package control

import (
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// patchAccount changes what is kept of an account's settings.
func (s *Server) patchAccount(w http.ResponseWriter, r *http.Request) error {
	patch, err := decode[client.AccountPatch](w, r, false)
	if err != nil {
		return err
	}
	changed, err := s.parts.Accounts.Patch(r.Context(), r.PathValue("name"), patch)
	if err != nil {
		return err
	}
	return writeJSON(w, shown(changed, s.rights(socket.PeerOf(r.Context()))))
}
