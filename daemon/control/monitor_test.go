package control

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// halfReady is a keeper whose channel fails.
func halfReady(_ context.Context, part string) (client.Readiness, bool) {
	switch part {
	case "phone":
		return client.Readiness{Parts: []client.Part{{Name: "channel:phone", Reason: "away"}, {Name: "output:phone", Ready: true}}}, true
	case "", "vault":
		return client.Readiness{Ready: true, Parts: []client.Part{{Name: "vault", Ready: true}}}, true
	}
	return client.Readiness{}, false
}

func TestReadyz(t *testing.T) {
	run(t, func(f *fixture) {
		f.ready = halfReady
		s := f.owned()
		for target, want := range map[string]struct {
			status int
			ready  bool
			parts  int
		}{"/v1/readyz": {200, true, 1}, "/v1/readyz/phone": {503, false, 2}} {
			w := do(s, owner, "GET", target, "")
			var r client.Readiness
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if w.Code != want.status || r.Ready != want.ready || len(r.Parts) != want.parts {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
		if w := do(s, owner, "GET", "/v1/readyz/vault", ""); strings.TrimSpace(w.Body.String()) != `{"ready":true,"parts":[{"name":"vault","ready":true,"reason":""}]}` {
			t.Errorf("the answer is %s", w.Body)
		}
		if w := do(s, owner, "GET", "/v1/readyz/teapot", ""); w.Code != http.StatusNotFound || problemOf(t, w).Type != client.ProblemNotFound {
			t.Errorf("no such part: %d %s", w.Code, w.Body)
		}
	})
}

// The client takes a keeper that is not ready for an answer, and a refusal for
// none.
func TestReadinessOfTheClient(t *testing.T) {
	run(t, func(f *fixture) {
		f.ready = halfReady
		c := inBubble(f.T, f.owned(), owner)
		r, err := c.Readiness(f.T.Context(), "phone")
		if err != nil || r.Ready || len(r.Parts) != 2 || r.Parts[0].Reason != "away" {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := c.Readiness(f.T.Context(), "teapot"); !isProblem(err, client.ProblemNotFound) {
			t.Errorf("no such part: %v", err)
		}
	})
}
