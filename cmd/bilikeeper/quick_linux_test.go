package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A plain get is answered before what it does not need is initialised.
func TestQuickGetComesFirst(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/accounts/main/credential?format=header" || r.Host != "bilikeeper" {
			t.Errorf("it asks %s for %s", r.Host, r.URL)
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = w.Write([]byte("SESSDATA=x;"))
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, trace strings.Builder
	cmd := exec.Command(own, "get", "main", "--socket", socket)
	cmd.Env = []string{"GODEBUG=inittrace=1", "HOME=/nonexistent"}
	cmd.Stdout, cmd.Stderr = &stdout, &trace
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, trace.String())
	}
	if stdout.String() != "SESSDATA=x;" {
		t.Errorf("it prints %q", stdout.String())
	}
	for line := range strings.Lines(trace.String()) {
		if name, found := strings.CutPrefix(line, "init github.com/"); found {
			t.Errorf("initialised first: %s", name)
		}
	}
}
