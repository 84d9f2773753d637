package post

import (
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/notify"
)

// Refusal is what a service's answer means.
type Refusal struct {
	// Retry and After are as in notify.SendError.
	Retry bool
	After time.Duration
	// Code is the service's own, Reason its meaning in this program's words.
	Code   string
	Reason string
}

// Refused makes the error of an answer that the channel has read.
func (c *Client) Refused(reply Reply, r Refusal) error {
	e := &Error{Host: c.Host(), Status: reply.Status, Code: r.Code, Reason: r.Reason, Retry: r.Retry, After: r.After}
	if r.Code != "" {
		e.Reason = "answered code " + r.Code
		if r.Reason != "" {
			e.Reason += ": " + r.Reason
		}
	}
	return Failed(e)
}

// Refine adds to an error of Do what the service says beside the status: a
// longer wait, and a reason where r has one. The status still decides.
func (c *Client) Refine(reply Reply, err error, r Refusal) error {
	said, ok := errors.AsType[*Error](err)
	if !ok || reply.Status == 0 {
		return err
	}
	e := &Error{Host: c.Host(), Status: reply.Status, Code: r.Code, Reason: "answered " + reply.Line(), Retry: said.Retry, After: max(said.After, r.After)}
	if r.Reason != "" {
		e.Reason += ": " + r.Reason
	}
	return Failed(e)
}

// Nonsense makes the error of an answer that is not what the service sends: a
// gateway's page, or a login page of the network in between.
func (c *Client) Nonsense(reply Reply) error {
	return c.Refused(reply, Refusal{Retry: true, Reason: "answered something that the service does not send"})
}

// NoMessage makes the error of a handle that the service did not give out.
func (c *Client) NoMessage() error {
	return c.Refused(Reply{}, Refusal{Reason: "there is no such message"})
}

// Alive refuses a message whose code no longer works. Channels ask it right
// before they send.
func Alive(m notify.Message) error {
	if m.Expired(time.Now()) {
		return &notify.SendError{Err: notify.ErrExpired}
	}
	return nil
}

// UntilTomorrow is how long a day in China still lasts, where services count
// messages by the day, and a minute more: no two clocks agree.
func UntilTomorrow(now time.Time) time.Duration {
	here := now.In(time.FixedZone("", 8*60*60))
	year, month, day := here.Date()
	return time.Date(year, month, day+1, 0, 1, 0, 0, here.Location()).Sub(now)
}
