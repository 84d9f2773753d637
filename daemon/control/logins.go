package control

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// defaultAccount is meant where a login names none.
const defaultAccount = "default"

// logins serves the logins in progress.
type logins struct {
	*access
	keeper keeper.Logins
	ending ending
	// draw makes a PNG of a code; nil where none is offered.
	draw func(content string) ([]byte, error)
}

func (l *logins) start(w http.ResponseWriter, r *http.Request) error {
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
	if own := l.of(r); !own.May(socket.VerbLogin, request.Account) {
		return l.refusal(own, socket.VerbLogin, request.Account)
	}
	start := l.keeper.Start
	if handover.Single(r.Context()) {
		start = l.keeper.StartSingle
	}
	begun, err := start(r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, begun)
}

func (l *logins) get(w http.ResponseWriter, r *http.Request) error {
	after, given, wait, err := waiting(r.URL.Query())
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	var got client.Login
	if given && wait > 0 {
		got, err = l.await(r.Context(), id, after, wait)
	} else {
		got, err = l.keeper.Get(id)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, got)
}

// await waits until a login has another revision, the wait is over or the
// server is closing, and returns what there is then.
func (l *logins) await(ctx context.Context, id string, revision uint64, wait time.Duration) (client.Login, error) {
	within, cancel := l.ending.within(ctx, wait)
	defer cancel()
	got, err := l.keeper.Await(within, id, revision)
	if gone := ctx.Err(); gone != nil {
		return got, gone
	}
	return got, err
}

func (l *logins) cancel(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := l.keeper.Cancel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (l *logins) picture(w http.ResponseWriter, r *http.Request) error {
	if l.draw == nil {
		return notFound("this keeper draws no pictures")
	}
	got, err := l.keeper.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	if got.URL == "" || got.Ended() || got.ExpiresAt != nil && !time.Now().Before(*got.ExpiresAt) {
		return notFound("the login shows no code that works")
	}
	picture, err := l.draw(got.URL)
	if err != nil {
		// The error may quote the content, which is a secret.
		return &client.Problem{Type: client.ProblemInternal, Detail: "the code could not be drawn"}
	}
	writeBody(w, http.StatusOK, "image/png", picture)
	return nil
}

// step is a step of a login by SMS.
func (l *logins) step(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	var answer any
	var err error
	switch step := r.PathValue("step"); step {
	case client.StepCaptcha:
		if _, err := decode[struct{}](w, r, true); err != nil {
			return err
		}
		answer, err = l.keeper.Captcha(r.Context(), id)
	case client.StepSend:
		var body client.SMSSend
		if body, err = decode[client.SMSSend](w, r, false); err != nil {
			return err
		}
		answer, err = l.keeper.SendSMS(r.Context(), id, body)
	case client.StepCode:
		var body client.SMSCode
		if body, err = decode[client.SMSCode](w, r, false); err != nil {
			return err
		}
		answer, err = l.keeper.SubmitSMS(r.Context(), id, body)
	default:
		return notFound("a login has no step " + strconv.Quote(step))
	}
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}
