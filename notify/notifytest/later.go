package notifytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/notify"
)

// testAnswers goes through what the service says in its bodies.
func (h Harness) testAnswers(t *testing.T) {
	for _, a := range h.Answers {
		channel, _ := h.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(max(a.Status, http.StatusOK))
			_, _ = io.WriteString(w, strings.ReplaceAll(a.Body, "CANARY", canaryReply))
		})
		_, err := channel.Send(t.Context(), CodeMessage())
		if a.Taken {
			if err != nil {
				t.Errorf("%s: %v", a.Name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: counts as taken", a.Name)
			continue
		}
		switch after := h.refused(t, err, a.Retry).After; {
		case a.AtMost == 0 && after != a.After:
			t.Errorf("%s: after %v, want %v", a.Name, after, a.After)
		case a.AtMost != 0 && (after <= 0 || after > a.AtMost):
			t.Errorf("%s: after %v, want at most %v", a.Name, after, a.AtMost)
		}
	}
}

// later starts a service that takes a message and then does what it is told,
// and returns the channel with the message's handle.
func (h Harness) later(t *testing.T, then http.HandlerFunc) (notify.Channel, notify.Handle, *atomic.Int64) {
	t.Helper()
	var taken atomic.Bool
	channel, requests := h.serve(t, func(w http.ResponseWriter, r *http.Request) {
		if taken.Load() {
			then(w, r)
			return
		}
		h.accept(w, r)
	})
	receipt, err := channel.Send(t.Context(), CodeMessage())
	if err != nil {
		t.Fatal(err)
	}
	taken.Store(true)
	requests.Store(0)
	return channel, receipt.Handle, requests
}

func (h Harness) can(t *testing.T, what func(notify.Channel) bool) bool {
	channel, handle, _ := h.later(t, h.accept)
	if !what(channel) {
		return false
	}
	if handle == "" {
		t.Error("the receipt has no handle")
	}
	return handle != ""
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canaryReply, code) }
}

func (h Harness) testReplace(t *testing.T) {
	if !h.can(t, func(c notify.Channel) bool { _, ok := c.(notify.Replacer); return ok }) {
		t.Skip("the channel cannot")
	}
	replace := func(then http.HandlerFunc, m notify.Message) (int64, error) {
		channel, handle, requests := h.later(t, then)
		_, err := channel.(notify.Replacer).Replace(t.Context(), m, handle)
		return requests.Load(), err
	}
	if _, err := replace(h.accept, CodeMessage()); err != nil {
		t.Errorf("a replacement that is taken: %v", err)
	}
	for code, retry := range map[int]bool{400: false, 401: false, 404: false, 429: true, 500: true, 503: true} {
		n, err := replace(status(code), CodeMessage())
		h.refused(t, err, retry)
		if n != 1 {
			t.Errorf("%d: one Replace made %d requests", code, n)
		}
	}
	dead := CodeMessage()
	dead.Login.ExpiresAt = time.Now()
	n, err := replace(h.accept, dead)
	h.refused(t, err, false)
	if !errors.Is(err, notify.ErrExpired) || n != 0 {
		t.Errorf("a dead code: %v after %d requests", err, n)
	}
	channel, _, _ := h.later(t, h.accept)
	_, err = channel.(notify.Replacer).Replace(t.Context(), CodeMessage(), "../not a handle?")
	h.refused(t, err, false)
}

func (h Harness) testRetract(t *testing.T) {
	if !h.can(t, func(c notify.Channel) bool { _, ok := c.(notify.Retractor); return ok }) {
		t.Skip("the channel cannot")
	}
	retract := func(then http.HandlerFunc) error {
		channel, handle, _ := h.later(t, then)
		return channel.(notify.Retractor).Retract(t.Context(), handle)
	}
	if err := retract(h.accept); err != nil {
		t.Errorf("a message that can be taken back: %v", err)
	}
	for code, retry := range map[int]bool{401: false, 429: true, 500: true, 503: true} {
		h.refused(t, retract(status(code)), retry)
	}
	// Gone already is as good as taken back; what matters is that it ends there.
	if err := retract(status(http.StatusNotFound)); err != nil {
		h.refused(t, err, false)
	}
	channel, _, requests := h.later(t, h.accept)
	h.refused(t, channel.(notify.Retractor).Retract(t.Context(), "../not a handle?"), false)
	if requests.Load() != 0 {
		t.Error("a handle of somebody else's went into a request")
	}
}

// testShown prints the channel in every way.
func (h Harness) testShown(t *testing.T) {
	channel, _ := h.serve(t, h.accept)
	asJSON, _ := json.Marshal(channel)
	for _, text := range []string{fmt.Sprint(channel), fmt.Sprintf("%+v %#v %x", channel, channel, channel), string(asJSON)} {
		for _, canary := range append([]string{canaryUser, canaryPass, canaryPath, canaryQuery}, h.Secrets...) {
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("the channel shows a secret (%s): %s", canary, text)
			}
		}
	}
}
