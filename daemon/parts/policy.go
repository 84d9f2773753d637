package parts

import (
	"os"
	"os/user"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// Policy is who may use the control socket.
func Policy(c config.Config) socket.Policy {
	p := socket.Policy{Owner: owner()}
	for _, a := range c.Control.Allow {
		p.Rules = append(p.Rules, socket.Rule{User: a.User, Group: a.Group, Accounts: a.Accounts, May: a.May})
	}
	return p
}

// owner is the user whose keeper this is.
func owner() uint32 {
	if u, err := user.Current(); err == nil {
		if id, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			return uint32(id)
		}
	}
	return uint32(max(os.Getuid(), 0))
}
