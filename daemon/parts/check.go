package parts

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Check builds each part of a configuration and lets go of it. It tells which cannot
// be built.
func Check(c config.Config, p config.Places, f *setting.Faults) {
	const mend = "mend it; a keeper that runs tries it again each minute"
	add := func(key string, err error) {
		if err != nil {
			f.Add(key, "cannot be used: "+err.Error(), mend)
		}
	}
	for i, entry := range c.Notify {
		add(fmt.Sprintf("notify[%d]", i), alert.Check(entry, p.ReadSecret))
	}
	own := Own(p, c, nil)
	for i, entry := range c.Output {
		add(fmt.Sprintf("output[%d]", i), engine.Check(entry, own, p.ReadSecret))
	}
	_, err := c.Store.TLS(p.ReadSecret)
	add("store", err)
	_, err = Reader(nil, zerolog.Nop(), c, p.ReadSecret)
	add("serve", err)
	add("serve.listen", tryAddress(c.Serve.Listen, p.Socket))
	add("page.listen", tryAddress(c.Page.Listen, p.Socket))
}

// tryAddress listens for a moment. An address that is taken while a keeper
// answers is taken by the keeper.
func tryAddress(address, socket string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		if c, derr := net.DialTimeout("unix", socket, time.Second); derr == nil {
			return c.Close()
		}
	}
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err // the rest of it repeats the address
	}
	return err
}
