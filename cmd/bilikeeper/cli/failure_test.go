package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// Every kind of error has its exit code, wrapped or not.
func TestExitCodes(t *testing.T) {
	problem := func(kind string) error { return &client.Problem{Type: kind, Title: "t", Hint: "do this"} }
	tests := []struct {
		err  error
		code int
		hint string
	}{
		{problem(client.ProblemNoAccount), 4, "do this"},
		{problem(client.ProblemNeedsLogin), 5, "do this"},
		{problem(client.ProblemSiteAway), 6, "do this"},
		{problem(client.ProblemNotPermitted), 7, "do this"},
		{problem(client.ProblemBadRequest), 2, "do this"},
		{problem(client.ProblemNoChannel), 2, "do this"},
		{problem(client.ProblemStorage), 1, "do this"},
		{problem("a type of tomorrow"), 1, "do this"},
		{client.ErrNoKeeper, 3, "bilikeeper daemon"},
		{client.ErrNoPermission, 7, "[[control.allow]]"},
		{client.ErrBroken, 1, ""},
		{context.Canceled, 1, ""},
		{&config.Error{File: "f", Problems: []config.Problem{{What: "w"}}}, 2, ""},
		{Fail(2, "so", "x"), 2, "so"},
		{errors.New("anything"), 1, ""},
	}
	for _, tt := range tests {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			var said bytes.Buffer
			e := &Env{Stderr: &said, ran: true}
			if code := e.Report(err); code != tt.code {
				t.Errorf("%v: exit code %d, want %d", err, code, tt.code)
			}
			if tt.hint == "" && strings.Contains(said.String(), "hint:") || !strings.Contains(said.String(), tt.hint) {
				t.Errorf("%v: said %q, want the hint %q", err, said.String(), tt.hint)
			}
		}
	}
}
