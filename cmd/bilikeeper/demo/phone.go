package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// phone is the receiver of the demo's messages: a webhook on this machine.
type phone struct {
	url      string
	server   *http.Server
	messages chan message

	mu   sync.Mutex // guards seen
	seen map[string]int
}

// message is what a webhook receives.
type message struct {
	Type string `json:"type"`
	Data struct {
		Title string `json:"title"`
		Text  string `json:"text"`
		Login struct {
			URL string `json:"url"`
			PNG []byte `json:"qr_png_base64"`
		} `json:"login"`
	} `json:"data"`
}

func newPhone() (*phone, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("make a phone: %w", err)
	}
	p := &phone{url: "http://" + l.Addr().String() + "/push", messages: make(chan message, 64), seen: map[string]int{}}
	p.server = &http.Server{Handler: http.HandlerFunc(p.receive), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

func (p *phone) close() { _ = p.server.Close() }

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&m); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.seen[m.Type]++
	p.mu.Unlock()
	p.messages <- m
	w.WriteHeader(http.StatusNoContent)
}

// count returns how many messages of a type came.
func (p *phone) count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[kind]
}

// next returns the next message of a type, passing over others.
func (p *phone) next(ctx context.Context, kind string) (message, error) {
	for {
		select {
		case m := <-p.messages:
			if m.Type == kind {
				return m, nil
			}
		case <-ctx.Done():
			return message{}, fmt.Errorf("the phone waited for %s in vain: %w", kind, ctx.Err())
		}
	}
}
