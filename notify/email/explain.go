package email

import (
	"context"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	mail "github.com/wneessen/go-mail"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// failed is an error of which another try is no use.
func (c *Channel) failed(reason string) error {
	return post.Failed(&post.Error{Host: c.host, Reason: reason})
}

// explain turns an error of the library into one for the pipeline. Of what the
// server said only the number is kept: 4… may be tried again, 5… may not.
func (c *Channel) explain(ctx context.Context, err error) error {
	e := outbound.Explain(ctx, c.host, err)
	code := number(err)
	switch {
	case errors.Is(e, outbound.ErrForbiddenAddress):
	case errors.Is(e, outbound.ErrPlainHTTP):
		e.Reason = ErrPlainMail.Error()
	case errors.Is(err, errNoLogin):
		e.Reason, e.Retry = errNoLogin.Error(), false
	case ctx.Err() != nil:
	case code != 0:
		e.Code = strconv.Itoa(code)
		e.Reason, e.Retry = "answered "+e.Code+meaning(code, err), code < 500
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		// The library has no error of its own for this one.
		e.Reason = "the server offers no STARTTLS"
	}
	return post.Failed(e)
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
