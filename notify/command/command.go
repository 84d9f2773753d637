package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/program"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
)

const (
	// mostSaid is how much is kept of what a program writes to its standard error.
	mostSaid = 4 << 10
	// mostReason is enough for a status and a sentence.
	mostReason = 200
	// leastSecret is the length from which a part of an address counts as one.
	leastSecret = 6
)

// Config is one program.
type Config struct {
	Command []string
	// Timeout is how long it may take; 0 is the usual time.
	Timeout time.Duration
}

// Channel runs one program, one at a time. It is safe for concurrent use.
type Channel struct {
	argv    []string
	timeout time.Duration
	turn    chan struct{}
}

// New checks the configuration. It starts nothing.
func New(c Config) (*Channel, error) {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return nil, errors.New("the command is empty")
	}
	if c.Timeout <= 0 {
		c.Timeout = usualTimeout
	}
	return &Channel{argv: append([]string(nil), c.Command...), timeout: c.Timeout, turn: make(chan struct{}, 1)}, nil
}

// String implements [fmt.Stringer].
func (c *Channel) String() string { return "command " + c.name() }

func (c *Channel) name() string { return program.Name(c.argv) }

// Rate is high: the program is one's own, and may count on every message.
func (c *Channel) Rate() (messages int, per time.Duration) { return 600, time.Minute }

// Send implements [notify.Channel]. Whatever a program fails for may be over the
// next time, so each failure is one to try again after.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return notify.Receipt{}, &notify.SendError{Retry: true, Err: fmt.Errorf("%s: %w", c.name(), ctx.Err())}
	}
	// After the wait: the one before may have taken its time.
	if m.Expired(time.Now()) {
		return notify.Receipt{}, &notify.SendError{Err: notify.ErrExpired}
	}
	if err := c.run(ctx, m); err != nil {
		return notify.Receipt{}, &notify.SendError{Retry: true, Err: err}
	}
	return notify.Receipt{Answer: c.name() + " succeeded"}, nil
}

func (c *Channel) run(ctx context.Context, m notify.Message) error {
	picture, remove, err := pictureOf(m)
	if err != nil {
		return fmt.Errorf("%s: the picture of the code cannot be kept: %w", c.name(), err)
	}
	defer remove()
	var said head
	failure := program.Program{
		Argv: c.argv, Timeout: c.timeout, Env: environment(m, picture), Stdin: bytes.NewReader(webhook.Body(m)), Stderr: &said,
	}.Run(ctx)
	if failure == nil {
		return nil
	}
	reason := failure.Reason
	if errors.Is(failure, program.ErrNotStarted) {
		return errors.New(plain.Clip(reason, mostReason))
	}
	if line := plain.Clip(redact(said.line(), m), mostReason); line != "" {
		reason += ": " + line
	}
	return errors.New(reason)
}

// environment is all that a program sees. The keeper's own may hold addresses and
// keys that are none of its business.
func environment(m notify.Message, picture string) []string {
	address, page := "", m.PageURL
	if m.Login != nil {
		address, page = m.Login.URL.Reveal(), m.Login.PageURL
	}
	return program.Environment([][2]string{
		{"TYPE", m.Type}, {"ACCOUNT", m.Account}, {"URL", address}, {"PAGE_URL", page}, {"QR_PNG", picture},
	}...)
}

// pictureOf keeps a code's picture in a file that nobody else can read, "" where
// there is none. The file is gone after remove.
func pictureOf(m notify.Message) (name string, remove func(), err error) {
	if m.Login == nil || len(m.Login.PNG) == 0 {
		return "", func() {}, nil
	}
	f, err := os.CreateTemp("", "bilikeeper-*.png") // born with mode 0600
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(m.Login.PNG)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", nil, err
	}
	return f.Name(), func() { _ = os.Remove(f.Name()) }, nil
}

// redact takes out of a text what lets people log in: a program is free to repeat
// what it was given.
func redact(text string, m notify.Message) string {
	hidden := partsOf(m.PageURL)
	if m.Login != nil {
		hidden = append(partsOf(m.Login.URL.Reveal()), partsOf(m.Login.PageURL)...)
	}
	for _, one := range hidden {
		if len(one) >= leastSecret {
			text = strings.ReplaceAll(text, one, secret.Redacted)
		}
	}
	return text
}

// partsOf are an address and those of its parts that make it a secret, the longest
// first.
func partsOf(address string) []string {
	parts := []string{address}
	u, err := url.Parse(address)
	if err != nil {
		return parts
	}
	parts = append(parts, u.RawQuery)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	return append(parts, u.Fragment, path.Base(u.Path))
}

// head keeps the first of what is written to it.
type head struct {
	mu    sync.Mutex // guards bytes: a pipe that was left behind is still copied
	bytes []byte
}

// Write implements [io.Writer].
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes = append(h.bytes, p[:min(len(p), mostSaid-len(h.bytes))]...)
	return len(p), nil
}

// line is the first line with something in it. A text that was cut may end in the
// middle of a secret, so that what follows the last blank goes.
func (h *head) line() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := strings.TrimLeft(string(h.bytes), "\r\n\t ")
	first, _, whole := strings.Cut(text, "\n")
	if !whole && len(h.bytes) == mostSaid {
		return first[:strings.LastIndexByte(first, ' ')+1]
	}
	return first
}
