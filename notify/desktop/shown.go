//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/notify"
)

const (
	// maxThreads bounds what is remembered of notifications that were shown.
	maxThreads = 32
	// closeLimit is for taking a notification away, which nobody waits for.
	closeLimit = 5 * time.Second
)

// shown is a notification that is, or was, on the screen.
type shown struct {
	thread, message string
	id              uint32
	// page is what its button opens; without one, png as a file.
	page string
	png  []byte
	// file is where png was written, "" as long as nobody pressed the button.
	file string
	// expires is when its code does, zero where it has none; over ends the wait
	// for that.
	expires time.Time
	over    context.CancelFunc
}

// handle names a notification over restarts. An id means something to one
// notification service on one bus only, and the message is what was shown under
// it: another may have taken its place since.
type handle struct {
	session string
	id      uint32
	message string
}

func (h handle) text() notify.Handle {
	return notify.Handle(h.session + "/" + strconv.FormatUint(uint64(h.id), 10) + "/" + h.message)
}

func parseHandle(text notify.Handle) (handle, error) {
	parts := strings.SplitN(string(text), "/", 3)
	if len(parts) == 3 {
		if id, err := strconv.ParseUint(parts[1], 10, 32); err == nil && id != 0 {
			return handle{session: parts[0], id: uint32(id), message: parts[2]}, nil
		}
	}
	return handle{}, &notify.SendError{Err: errors.New("the handle of the earlier message cannot be read")}
}

// session names the service that gives out ids.
func (b *bus) session(owner string) string { return b.id + owner }

func (c *Channel) lastOf(thread string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.shown, func(s *shown) bool { return s.thread == thread })
	if i < 0 || thread == "" {
		return 0
	}
	return c.shown[i].id
}

// remember notes what is on the screen now, in the place of what was. A picture
// that is open in a viewer becomes the new code's: viewers follow their file.
func (c *Channel) remember(s *shown) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := func(old *shown) bool { return old.id == s.id || s.thread != "" && old.thread == s.thread }
	for _, old := range c.shown {
		if before(old) && old.file != "" && s.png != nil && s.file == "" && writePicture(old.file, s.png) == nil {
			s.file, old.file = old.file, ""
		}
	}
	c.forget(before)
	if c.life.Err() != nil {
		removePicture(s)
		return
	}
	c.shown = append(c.shown, s)
	if over := len(c.shown) - maxThreads; over > 0 {
		oldest := c.shown[:over]
		c.forget(func(s *shown) bool { return slices.Contains(oldest, s) })
	}
	if !s.expires.IsZero() {
		var wait context.Context
		wait, s.over = context.WithDeadline(c.life, s.expires.Add(c.linger))
		c.wg.Go(func() { c.expire(wait, s) })
	}
}

// expire takes a code away when its time is over.
func (c *Channel) expire(wait context.Context, s *shown) {
	<-wait.Done()
	if !errors.Is(wait.Err(), context.DeadlineExceeded) {
		return
	}
	c.mu.Lock()
	current := slices.Contains(c.shown, s)
	c.forget(func(other *shown) bool { return other == s })
	b := c.bus
	c.mu.Unlock()
	if !current || b == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.life, closeLimit)
	defer cancel()
	_ = b.take(ctx, s.id)
}

// release forgets the message that a handle names, and reports whether it may
// be on the screen still.
func (c *Channel) release(h handle, session string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.session != session {
		return false
	}
	if slices.ContainsFunc(c.shown, func(s *shown) bool { return s.id == h.id && s.message != h.message }) {
		return false
	}
	c.forget(func(s *shown) bool { return s.id == h.id })
	return true
}

// forget drops what is remembered of notifications. The caller holds mu.
func (c *Channel) forget(which func(*shown) bool) {
	c.shown = slices.DeleteFunc(slices.Clone(c.shown), func(s *shown) bool {
		if !which(s) {
			return false
		}
		if s.over != nil {
			s.over()
		}
		removePicture(s)
		return true
	})
}

func (c *Channel) forgetAll() { c.forget(func(*shown) bool { return true }) }
