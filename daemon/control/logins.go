package control

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// defaultAccount is meant where a login names none.
const defaultAccount = "default"

func (s *Server) startLogin(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.LoginRequest](w, r, false)
	if err != nil {
		return err
	}
	if request.Account == "" {
		request.Account = defaultAccount
	}
	if request.Attend < 0 {
		return badRequest("the field \"attend\" is a number of seconds from 0")
	}
	if own := s.rights(socket.PeerOf(r.Context())); !own.May(socket.VerbLogin, request.Account) {
		return own.Refusal(socket.VerbLogin, request.Account, s.directory)
	}
	l, err := s.parts.Logins.Start(r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, l)
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	after, given, wait, err := waiting(r.URL.Query())
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	var l client.Login
	if given && wait > 0 {
		l, err = s.awaitLogin(r.Context(), id, after, wait)
	} else {
		l, err = s.parts.Logins.Get(id)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, l)
}

// awaitLogin waits until a login has another revision, the wait is over or the
// server is closing, and returns what there is then.
func (s *Server) awaitLogin(ctx context.Context, id string, revision uint64, wait time.Duration) (client.Login, error) {
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-within.Done():
		}
	}()
	l, err := s.parts.Logins.Await(within, id, revision)
	if gone := ctx.Err(); gone != nil {
		return l, gone
	}
	return l, err
}

func (s *Server) cancelLogin(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := s.parts.Logins.Cancel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) loginPNG(w http.ResponseWriter, r *http.Request) error {
	if s.parts.QR == nil {
		return notFound("this keeper draws no pictures")
	}
	l, err := s.parts.Logins.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	if l.URL == "" || l.Ended() || l.ExpiresAt != nil && !time.Now().Before(*l.ExpiresAt) {
		return notFound("the login shows no code that works")
	}
	picture, err := s.parts.QR(l.URL)
	if err != nil {
		// The error may quote the content, which is a secret.
		return &client.Problem{Type: client.ProblemInternal, Detail: "the code could not be drawn"}
	}
	writeBody(w, http.StatusOK, "image/png", picture)
	return nil
}

// loginStep is a step of a login by SMS.
func (s *Server) loginStep(w http.ResponseWriter, r *http.Request) error {
	id, sms := r.PathValue("id"), s.parts.SMS
	var answer any
	var err error
	switch step := r.PathValue("step"); step {
	case client.StepCaptcha:
		if _, err := decode[struct{}](w, r, true); err != nil {
			return err
		}
		answer, err = sms.Captcha(r.Context(), id)
	case client.StepSend:
		var body client.SMSSend
		if body, err = decode[client.SMSSend](w, r, false); err != nil {
			return err
		}
		answer, err = sms.SendSMS(r.Context(), id, body)
	case client.StepCode:
		var body client.SMSCode
		if body, err = decode[client.SMSCode](w, r, false); err != nil {
			return err
		}
		answer, err = sms.SubmitSMS(r.Context(), id, body)
	default:
		return notFound("a login has no step " + strconv.Quote(step))
	}
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}
