package control

import (
	"net/http"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// access says who asks and what they may, by the policy as it is at that moment.
type access struct {
	policy    atomic.Pointer[socket.Policy]
	directory *socket.Directory
}

func (a *access) rights(p socket.Peer) socket.Rights { return a.policy.Load().Rights(p, a.directory) }

// of are the rights of a request's peer.
func (a *access) of(r *http.Request) socket.Rights { return a.rights(socket.PeerOf(r.Context())) }

// refusal says why rights are not enough for a verb of an account, and what
// grants it.
func (a *access) refusal(own socket.Rights, verb, account string) *client.Problem {
	return own.Refusal(verb, account, a.directory)
}

// user is the name of a request's peer.
func (a *access) user(r *http.Request) string {
	if p := socket.PeerOf(r.Context()); p.Known {
		return a.directory.UserName(p.UID)
	}
	return ""
}
