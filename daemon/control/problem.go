package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// meaning is the one place that says what a problem's type is in HTTP and in
// a few words.
func meaning(kind string) (status int, title string, ok bool) {
	switch kind {
	case client.ProblemNoAccount:
		return http.StatusNotFound, "no such account", true
	case client.ProblemNoLogin:
		return http.StatusNotFound, "no such login", true
	case client.ProblemNoChannel:
		return http.StatusNotFound, "no such channel", true
	case client.ProblemNoOutput:
		return http.StatusNotFound, "no such output", true
	case client.ProblemOutput:
		return http.StatusInternalServerError, "the output failed", true
	case client.ProblemSMS:
		return http.StatusConflict, "the site did not take it", true
	case client.ProblemNeedsLogin:
		return http.StatusConflict, "the account needs a login", true
	case client.ProblemSiteAway:
		return http.StatusServiceUnavailable, "the site is blocking or unreachable", true
	case client.ProblemSlot:
		return http.StatusConflict, "the slot is needed", true
	case client.ProblemNotPermitted:
		return http.StatusForbidden, "not permitted", true
	case client.ProblemConfigured:
		return http.StatusConflict, "the configuration says otherwise", true
	case client.ProblemBadRequest:
		return http.StatusBadRequest, "the request is not understood", true
	case client.ProblemMediaType:
		return http.StatusUnsupportedMediaType, "the body's type is not understood", true
	case client.ProblemTooLarge:
		return http.StatusRequestEntityTooLarge, "the body is too large", true
	case client.ProblemNotFound:
		return http.StatusNotFound, "there is nothing here", true
	case client.ProblemMethod:
		return http.StatusMethodNotAllowed, "the method does not fit the path", true
	case client.ProblemBusy:
		return http.StatusConflict, "something else is under way", true
	case client.ProblemFellOut:
		return http.StatusGone, "the journal no longer goes back that far", true
	case client.ProblemStorage:
		return http.StatusInternalServerError, "the vault could not be written", true
	case client.ProblemHostAway:
		return http.StatusServiceUnavailable, "the host that looks after the account cannot be reached", true
	case client.ProblemElsewhere:
		return http.StatusServiceUnavailable, "another host looks after the account", true
	case client.ProblemInternal:
		return http.StatusInternalServerError, "the keeper failed", true
	}
	return 0, "", false
}

// asProblem turns any error into what goes out. A text that is not a problem's
// was not written for the peer and stays inside.
func asProblem(err error) *client.Problem {
	found, ok := errors.AsType[*client.Problem](err)
	if !ok {
		found = &client.Problem{Type: client.ProblemInternal, Detail: "the keeper failed; its log says more"}
	}
	p := *found
	status, title, known := meaning(p.Type)
	if !known {
		status, title = http.StatusInternalServerError, "the keeper failed"
	}
	if known || p.Status < 400 || p.Status > 599 {
		p.Status = status
	}
	if p.Title == "" {
		p.Title = title
	}
	return &p
}

func badRequest(format string, args ...any) *client.Problem {
	return &client.Problem{Type: client.ProblemBadRequest, Detail: fmt.Sprintf(format, args...)}
}

func notFound(detail string) *client.Problem {
	return &client.Problem{Type: client.ProblemNotFound, Detail: detail}
}

func isProblem(err error, kind string) bool {
	return errors.Is(err, &client.Problem{Type: kind})
}

func writeProblem(w http.ResponseWriter, p *client.Problem) {
	data, err := json.Marshal(p)
	if err != nil { // a Problem is strings and a number
		data = []byte(`{"type":"internal","title":"the keeper failed","status":500}`)
	}
	writeBody(w, p.Status, "application/problem+json", append(data, '\n'))
}
