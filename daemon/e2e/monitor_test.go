//go:build unix

package e2e_test

import (
	"slices"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Whoever watches over the keeper learns which part of it works, and why one does
// not.
func TestReadiness(t *testing.T) {
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.append("[[output]]\nname = \"file\"\naccount = \"" + account + "\"\nformat = \"header\"\npath = \"" + s.dir + "/missing/cookie\"\n")
	s.start()
	part := func(name string) client.Part {
		r, err := s.client.Readiness(t.Context(), name)
		if err != nil || len(r.Parts) != 1 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		return r.Parts[0]
	}
	r, err := s.client.Readiness(t.Context(), "")
	if err != nil || !r.Ready {
		t.Errorf("a keeper that has begun: %+v, %v", r, err)
	}
	for _, want := range []string{"vault", "schedule", "socket", "page", "serve", "channel:phone", "output:file"} {
		if !slices.ContainsFunc(r.Parts, func(p client.Part) bool { return p.Name == want && p.Ready }) {
			t.Errorf("%s is missing or not ready in %+v", want, r.Parts)
		}
	}
	if p := part("output:file"); p.Reason == "" {
		t.Errorf("an output without a login: %+v", p)
	}
	s.login(mid)
	until(t, "the output's failure shows", func() bool { return !part("output:file").Ready })
	if r, err := s.client.Readiness(t.Context(), ""); err != nil || r.Ready {
		t.Errorf("with an output that fails: %+v, %v", r, err)
	}
	if p := part("vault"); !p.Ready {
		t.Errorf("the vault beside it: %+v", p)
	}
	s.stop()
}
