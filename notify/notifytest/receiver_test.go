package notifytest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

const body = `{"type":"login.required","timestamp":"2026-11-20T01:02:03Z","data":{"account":"main","mid":null}}`

func post(ctx context.Context, t *testing.T, url string, edit func(*http.Request)) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", "m1")
	req.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	if edit != nil {
		edit(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

func TestReceiverRefuses(t *testing.T) {
	signing := base64.StdEncoding.EncodeToString([]byte("an invented secret"))
	tests := []struct {
		name    string
		secrets []string
		edit    func(*http.Request)
		status  int
	}{
		{"nothing wrong", nil, nil, http.StatusNoContent},
		{"no id", nil, func(r *http.Request) { r.Header.Del("webhook-id") }, http.StatusBadRequest},
		{"no time stamp", nil, func(r *http.Request) { r.Header.Del("webhook-timestamp") }, http.StatusBadRequest},
		{"an old time stamp", nil, func(r *http.Request) { r.Header.Set("webhook-timestamp", "1614265330") }, http.StatusBadRequest},
		{"another content type", nil, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusBadRequest},
		{"another method", nil, func(r *http.Request) { r.Method = http.MethodPut }, http.StatusBadRequest},
		{"no signature", []string{"whsec_" + signing}, nil, http.StatusBadRequest},
		{"a false one", []string{"whsec_" + signing}, func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA v1a,AAAA x") }, http.StatusBadRequest},
	}
	for _, tt := range tests {
		receiver, err := notifytest.NewReceiver(tt.secrets...)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(receiver)
		status, err := post(t.Context(), t, server.URL, tt.edit)
		server.Close()
		if err != nil || status != tt.status {
			t.Errorf("%s: %d, %v", tt.name, status, err)
		}
		if wrong := tt.status != http.StatusNoContent; wrong != (len(receiver.Problems()) == 1) || wrong == (len(receiver.Taken()) == 1) {
			t.Errorf("%s: %d taken, problems %v", tt.name, len(receiver.Taken()), receiver.Problems())
		}
	}
	if _, err := notifytest.NewReceiver("whsec_?"); err == nil {
		t.Error("a secret that is not base64 is accepted")
	}
}

func TestReceiverFailsAsTold(t *testing.T) {
	receiver := &notifytest.Receiver{}
	server := httptest.NewServer(receiver)
	defer server.Close()
	receiver.Next(
		notifytest.Answer{Status: 503, Header: http.Header{"Retry-After": {"7"}}, Body: "busy"},
		notifytest.Answer{Reset: true},
		notifytest.Answer{Hang: true},
	)
	if status, err := post(t.Context(), t, server.URL, nil); status != 503 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if _, err := post(t.Context(), t, server.URL, nil); err == nil {
		t.Error("the connection was not broken off")
	}
	// It is given up when it is there: one that was given up on its way would leave
	// its answer to the next.
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() {
		for ctx.Err() == nil && len(receiver.All()) < 3 {
			time.Sleep(time.Millisecond)
		}
		giveUp()
	}()
	if _, err := post(ctx, t, server.URL, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("it did not hang: %v", err)
	}
	receiver.Always(&notifytest.Answer{Status: 500})
	if status, _ := post(t.Context(), t, server.URL, nil); status != 500 {
		t.Errorf("%d", status)
	}
	receiver.Always(nil)

	found := make(chan notifytest.Delivery, 1)
	go func() {
		d, err := receiver.Wait(t.Context(), func(d notifytest.Delivery) bool { return d.Account == "main" })
		if err != nil {
			t.Error(err)
		}
		found <- d
	}()
	if status, _ := post(t.Context(), t, server.URL, nil); status != http.StatusNoContent {
		t.Errorf("%d", status)
	}
	if d := <-found; d.ID != "m1" || d.Type != "login.required" || d.Mid != nil || !d.Taken {
		t.Errorf("%+v", d)
	}
	if all, taken := len(receiver.All()), len(receiver.Taken()); all != 5 || taken != 1 {
		t.Errorf("%d came, %d taken", all, taken)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := receiver.Wait(gone, func(notifytest.Delivery) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
