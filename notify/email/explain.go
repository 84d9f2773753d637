package email

import (
	"context"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	mail "github.com/wneessen/go-mail"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

func (c *Channel) failed(retry bool, code int, reason string) error {
	e := &post.Error{Host: c.host, Reason: reason}
	if code != 0 {
		e.Code = strconv.Itoa(code)
	}
	return &notify.SendError{Retry: retry, Err: e}
}

// explain turns an error of the library into one for the pipeline. Of what the
// server said only the number is kept: 4… may be tried again, 5… may not.
func (c *Channel) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, outbound.ErrForbiddenAddress):
		return c.failed(false, 0, outbound.ErrForbiddenAddress.Error())
	case errors.Is(err, outbound.ErrPlainHTTP):
		return c.failed(false, 0, ErrPlainMail.Error())
	case errors.Is(err, errNoLogin):
		return c.failed(false, 0, errNoLogin.Error())
	case ctx.Err() == context.Canceled:
		return c.failed(true, 0, "cancelled")
	case ctx.Err() != nil:
		return c.failed(true, 0, "no answer in time")
	}
	if code := number(err); code != 0 {
		return c.failed(code < 500, code, "answered "+strconv.Itoa(code)+meaning(code, err))
	}
	// The library has no error of its own for this one.
	if strings.Contains(err.Error(), "does not support STARTTLS") {
		return c.failed(true, 0, "the server offers no STARTTLS")
	}
	return c.failed(true, 0, outbound.Reason(err))
}

// number is the server's answer, 0 where it gave none.
func number(err error) int {
	if sendErr, ok := errors.AsType[*mail.SendError](err); ok {
		return sendErr.ErrorCode()
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

func meaning(code int, err error) string {
	sendErr, _ := errors.AsType[*mail.SendError](err)
	switch {
	case code == 530 || code == 534 || code == 535:
		return ": the server does not accept the user and the password"
	case sendErr == nil:
		return ""
	case sendErr.Reason == mail.ErrSMTPMailFrom:
		return " to the sender"
	case sendErr.Reason == mail.ErrSMTPRcptTo:
		return " to a recipient"
	}
	return " to the mail"
}
