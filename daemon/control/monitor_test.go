package control

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

func TestReadyz(t *testing.T) {
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
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
}

// The client takes a keeper that is not ready for an answer, and a refusal for
// none.
func TestReadinessOfTheClient(t *testing.T) {
	c := onSocket(t, newFake().server(t, socket.Policy{Owner: uint32(os.Geteuid())}, nil))
	r, err := c.Readiness(t.Context(), "phone")
	if err != nil || r.Ready || len(r.Parts) != 2 || r.Parts[0].Reason != "away" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Readiness(t.Context(), "teapot"); !isProblem(err, client.ProblemNotFound) {
		t.Errorf("no such part: %v", err)
	}
}
