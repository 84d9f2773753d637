package page

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bilikeeper/bilikeeper/internal/pipetest"
)

// inBubble serves over pipes, which a bubble's clock can see through.
func inBubble(t *testing.T, p *Page) *http.Client {
	t.Helper()
	l := pipetest.New()
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &http.Client{Transport: transport}
}

// listen reads a stream; its channel is closed by the stream's end.
func listen(t *testing.T, c *http.Client, path string) (<-chan state, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", "http://keeper.example.net"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(answer.Status)
	}
	states := make(chan state, 64)
	go func() {
		defer close(states)
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var s state
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					t.Error(err)
				}
				states <- s
			}
		}
	}()
	return states, cancel
}

// words are the states that came so far.
func words(states <-chan state) []string {
	synctest.Wait()
	var out []string
	for {
		select {
		case s, ok := <-states:
			if !ok {
				return append(out, "end")
			}
			out = append(out, fmt.Sprintf("%s:%d:%s", s.State, s.Code, s.Reason))
		default:
			return out
		}
	}
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
}
