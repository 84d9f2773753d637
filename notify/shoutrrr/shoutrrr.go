package shoutrrr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// What a message may have, in characters: nearly every service takes the first,
// Pushover takes 1024 (pushover.net/api).
const (
	maxText     = 1500
	maxPushover = 1024
)

// Config is one service.
type Config struct {
	// URL is one of the library's, "pushover://shoutrrr:TOKEN@USER" for example.
	URL secret.String
}

// Channel sends to one service. It is safe for concurrent use.
type Channel struct {
	post.Label
	name string
	url  secret.String
	// inside is held by the send that is in the library, left behind or not; it
	// guards service.
	inside  chan struct{}
	service types.Service
}

// New checks the configuration. It connects to nothing, which is why the URL of
// a service that logs in while it is set up is not looked at closely.
func New(cfg Config) (*Channel, error) {
	address := strings.TrimSpace(cfg.URL.Reveal())
	scheme, _, ok := strings.Cut(address, "://")
	name, _, _ := strings.Cut(scheme, "+")
	switch {
	case !ok:
		return nil, errors.New("the shoutrrr url must begin with a service's name and ://")
	case name == "logger" || !slices.Contains(newRouter().ListServices(), name):
		return nil, errors.New("the shoutrrr url names no service that can be used")
	}
	c := &Channel{
		Label: post.NewLabel("shoutrrr", name), name: name, url: secret.New(address), inside: make(chan struct{}, 1),
	}
	if name == "matrix" {
		return c, nil
	}
	var err error
	if c.service, err = locate(address); err != nil {
		return nil, fmt.Errorf("the shoutrrr url is not what the service %s wants", name)
	}
	return c, nil
}

// newRouter makes a router that keeps quiet: the library logs answers.
func newRouter() *router.ServiceRouter {
	r, err := router.New(log.New(io.Discard, "", 0))
	if err != nil {
		return &router.ServiceRouter{}
	}
	return r
}

// locate sets a service up. A URL that is odd enough makes some of them panic.
func locate(address string) (service types.Service, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the library panicked")
		}
	}()
	return newRouter().Locate(address)
}

// Send sends the text once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	if ctx.Err() != nil {
		return notify.Receipt{}, c.failed(true, "cancelled")
	}
	select {
	case c.inside <- struct{}{}:
	default:
		return notify.Receipt{}, &notify.SendError{Retry: true, Err: notify.ErrBusy}
	}
	limit := maxText
	if c.name == "pushover" {
		limit = maxPushover
	}
	text := wording.Whole(m, limit, wording.Runes)
	done := make(chan error, 1)
	go func() {
		defer func() { <-c.inside }()
		done <- c.send(text)
	}()
	select {
	case err := <-done:
		if err != nil {
			return notify.Receipt{}, c.explain(err)
		}
		return notify.Receipt{Answer: "sent by " + c.name}, nil
	case <-ctx.Done():
		return notify.Receipt{}, c.failed(true, "no answer in time")
	}
}

// send is in the library. A panic there is an error of this channel.
func (c *Channel) send(text string) (err error) {
	defer func() {
		if recover() != nil {
			err = notify.ErrPanicked
		}
	}()
	if c.service == nil {
		if c.service, err = locate(c.url.Reveal()); err != nil {
			return err
		}
	}
	return c.service.Send(text, &types.Params{})
}

func (c *Channel) failed(retry bool, reason string) error {
	return post.Failed(&post.Error{Host: c.name, Reason: reason, Retry: retry})
}

// statusPattern finds the status in the texts of the library's errors.
var statusPattern = lazyregexp.New(`(?i)\b(?:status|code|http)\b[^0-9\n]{0,24}([1-5][0-9]{2})\b`)

// explain keeps the status of an error and lets go of the rest.
func (c *Channel) explain(err error) error {
	found := statusPattern().FindStringSubmatch(err.Error())
	if found == nil {
		return c.failed(true, "the message could not be sent")
	}
	status, _ := strconv.Atoi(found[1])
	retry := status/100 != 4 || status == 408 || status == 425 || status == 429
	return c.failed(retry, "answered "+post.Reply{Status: status}.Line())
}
