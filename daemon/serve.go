package daemon

import (
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
)

// readListener is what the listener is called in the log and the status.
const readListener = "read listener"

// newReadServer builds what [serve] says: the listener from which programs fetch
// credentials. The error says what is left out; the listener is there all the
// same, with the rest.
func newReadServer(k *keeper.Keeper, c config.Config) (*listener.Listener, error) {
	s := &listener.Listener{Keeper: k, Name: readListener, Does: "serving credentials to programs that prove themselves", Address: c.Serve.Listen}
	h, err := parts.Reader(k, *k.Log(), c, config.ReadSecret)
	if h != nil {
		s.Handler = h
	}
	return s, err
}
