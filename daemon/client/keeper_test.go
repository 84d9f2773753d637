package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid    = 100200300
	number = "13800138000"
)

// session is a client, the whole keeper that it talks to, and the site.
type session struct {
	*testing.T
	dir    string
	site   *passporttest.Site
	client *client.Client
}

const configuration = `
state_dir = "DIR/state"
socket = "DIR/control.sock"
[check]
jitter = "0s"
confirm_after = "100ms"
[login]
poll = "50ms"
[limits]
requests_per_minute = 600
refreshes_per_hour = 60
[endpoints]
passport = "SITE"
api = "SITE"
www = "SITE"
passport_game = "SITE"
passport_intl = "SITE"
api_intl = "SITE"
[page]
listen = "127.0.0.1:0"
[[account]]
name = "main"
tags = ["pool"]
[[notify]]
name = "phone"
type = "webhook"
url = "RECEIVER"
[[output]]
name = "jar"
account = "main"
format = "netscape"
path = "DIR/jar.txt"
`

func newSession(t *testing.T) *session {
	t.Helper()
	dir, err := os.MkdirTemp("", "bk") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &session{T: t, dir: dir, site: passporttest.New(passporttest.WithUser(mid, "example"))}
	site, err := s.site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	path := filepath.Join(dir, "config.toml")
	text := strings.NewReplacer("DIR", dir, "SITE", site.URL, "RECEIVER", receiver.URL).Replace(configuration)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.keep(path)
	s.client = &client.Client{Socket: filepath.Join(dir, "control.sock")}
	if got := s.client.Path(); got != filepath.Join(dir, "control.sock") {
		t.Errorf("the client goes to %s", got)
	}
	return s
}

// keep runs the keeper until the test ends.
func (s *session) keep(path string) {
	s.Helper()
	located := config.Locate(config.Flags{Config: path}, func(string) string { return "" })
	c, places, err := located.Load(daemon.Checks())
	if err != nil {
		s.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{
			Config: c, Places: places, Version: "test", Log: zerolog.Nop(), Ready: func() { close(ready) },
			Transport: passport.Options{CorrespondKey: s.site.Refresh.CorrespondKey()},
			Reread: func() (config.Config, error) {
				c, _, err := located.Load(daemon.Checks())
				return c, err
			},
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		s.Fatalf("the keeper did not start: %v", err)
	}
	s.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.Errorf("the keeper ended with %v", err)
		}
	})
}

// ok ends the test where a call failed, and passes its answer on.
func ok[T any](s *session) func(T, error) T {
	return func(answer T, err error) T {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return answer
	}
}

// refused wants a problem of a type, or another error of the package.
func (s *session) refused(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("got %v, want %v", err, want)
	}
}

func problem(kind string) error { return &client.Problem{Type: kind} }

// login logs an account in by QR and returns the login as it ended.
func (s *session) login(name string) client.Login {
	s.Helper()
	l := ok[client.Login](s)(s.client.StartLogin(s.Context(), client.LoginRequest{Account: name, Site: "web", Method: client.MethodQR}))
	if err := errors.Join(s.site.QR.Scan(l.URL, mid), s.site.QR.Confirm(l.URL, mid)); err != nil {
		s.Fatal(err)
	}
	return s.ended(l)
}

func (s *session) ended(l client.Login) client.Login {
	s.Helper()
	for !l.Ended() {
		l = ok[client.Login](s)(s.client.WaitLogin(s.Context(), l.ID, l.Revision, time.Minute))
	}
	if l.State != client.LoginSucceeded {
		s.Fatalf("the login ended as %s: %s", l.State, l.Detail)
	}
	return l
}

func TestLoginMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	l := ok[client.Login](s)(c.StartLogin(ctx, client.LoginRequest{Account: "main", Site: "web", Method: client.MethodQR}))
	if picture := ok[[]byte](s)(c.LoginPNG(ctx, l.ID)); !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Error("the code's picture is no PNG")
	}
	if again := ok[client.Login](s)(c.StartLogin(ctx, client.LoginRequest{Account: "main", Site: "web", Method: client.MethodQR})); again.ID != l.ID || !again.Joined {
		t.Errorf("a second login is %s, joined %v; want the one in progress, %s", again.ID, again.Joined, l.ID)
	}
	if err := c.CancelLogin(ctx, l.ID); err != nil {
		t.Fatal(err)
	}
	if l = ok[client.Login](s)(c.Login(ctx, l.ID)); l.State != client.LoginCancelled {
		t.Errorf("a login that was cancelled is %s", l.State)
	}
	_, err := c.LoginPNG(ctx, l.ID)
	s.refused(err, problem(client.ProblemNotFound))
	_, err = c.Login(ctx, "no-such-login")
	s.refused(err, problem(client.ProblemNoLogin))
	if l = s.login("main"); l.Account != "main" {
		t.Errorf("the login is of %q", l.Account)
	}

	s.site.SMS.AddPhone(mid, number)
	l = ok[client.Login](s)(c.StartLogin(ctx, client.LoginRequest{Account: "second", Site: "web", Method: client.MethodSMS}))
	captcha := ok[client.Captcha](s)(c.Captcha(ctx, l.ID))
	send := client.SMSSend{Phone: number, Token: captcha.Token, Challenge: captcha.Challenge}
	send.Validate, send.Seccode = passporttest.SolveCaptcha(captcha.Challenge)
	if text := fmt.Sprintf("%v %+v %#v", send, send, send); strings.Contains(text, number) {
		t.Errorf("a print shows the number: %s", text)
	}
	ok[client.Login](s)(c.SendSMS(ctx, l.ID, send))
	_, err = c.SubmitSMS(ctx, l.ID, client.SMSCode{Code: "no code"})
	s.refused(err, problem(client.ProblemSMS))
	s.ended(ok[client.Login](s)(c.SubmitSMS(ctx, l.ID, client.SMSCode{Code: s.site.SMS.Code(number)})))
}

func TestAccountMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	s.login("main")
	if h := ok[client.Health](s)(c.Health(ctx)); h.Status != client.HealthOK || h.Version != "test" {
		t.Errorf("the keeper says %+v", h)
	}
	if r := ok[client.Readiness](s)(c.Readiness(ctx, "")); !r.Ready || len(r.Parts) == 0 {
		t.Errorf("the keeper's parts are %+v", r)
	}
	if st := ok[client.Status](s)(c.StatusOf(ctx, "main")); len(st.Accounts) != 1 || st.Accounts[0].Name != "main" || st.Daemon.Version != "test" {
		t.Errorf("the status of one is %+v", st)
	}
	if _, err := c.StatusOf(ctx, "nobody"); !errors.Is(err, problem(client.ProblemNoAccount)) {
		t.Errorf("the status of nobody is %v", err)
	}
	if st := ok[client.Status](s)(c.Status(ctx)); len(st.Accounts) != 1 || st.Daemon.Version != "test" {
		t.Errorf("the status is %+v", st)
	}
	if list := ok[[]client.Account](s)(c.Accounts(ctx)); len(list) != 1 || list[0].Name != "main" {
		t.Errorf("the accounts are %v", list)
	}
	if a := ok[client.Account](s)(c.Account(ctx, "main")); a.State != client.StateValid || a.Mid == nil || *a.Mid != mid {
		t.Errorf("the account is %+v", a)
	}
	_, err := c.Account(ctx, "nobody")
	s.refused(err, problem(client.ProblemNoAccount))
	paused, tags := true, []string{"other"}
	if a := ok[client.Account](s)(c.Patch(ctx, "main", client.AccountPatch{Paused: &paused})); !a.Paused {
		t.Errorf("after it was paused the account is %+v", a)
	}
	paused = false
	if a := ok[client.Account](s)(c.Patch(ctx, "main", client.AccountPatch{Paused: &paused})); a.Paused {
		t.Errorf("after it was resumed the account is %+v", a)
	}
	_, err = c.Patch(ctx, "main", client.AccountPatch{Tags: &tags})
	s.refused(err, problem(client.ProblemConfigured))
	if r := ok[client.CheckResult](s)(c.Check(ctx, "main", true)); r.Outcome != client.CheckOK {
		t.Errorf("the check came to %+v", r)
	}
	if r := ok[client.RefreshResult](s)(c.Refresh(ctx, "main", true)); r.Outcome != client.RefreshDone {
		t.Errorf("the refresh came to %+v", r)
	}
	if h := ok[client.History](s)(c.History(ctx, "main", 30)); len(h.Days) != 30 || h.Days[29].LoggedIn != 1 || h.Days[29].OK == 0 || h.Days[29].Refreshed != 1 {
		t.Errorf("the history is %+v", h)
	}
	_, err = c.History(ctx, "main", client.MostHistory+1)
	s.refused(err, problem(client.ProblemBadRequest))
	got := ok[client.Credential](s)(c.Credential(ctx, "main", client.CredentialOptions{Format: "json", WithRefreshToken: true}))
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); got.Generation != 2 || strings.Contains(text, "SESSDATA") {
		t.Errorf("the credential is of generation %d and prints as %s", got.Generation, text)
	}
	if same := ok[client.Credential](s)(c.Credential(ctx, "main", client.CredentialOptions{After: 2})); !same.NotModified || same.Body != nil {
		t.Error("a generation that is known comes again")
	}
	if any := ok[client.Credential](s)(c.AnyCredential(ctx, "pool", client.CredentialOptions{Strategy: client.StrategyRandom})); any.Account != "main" {
		t.Errorf("one of the pool is %q", any.Account)
	}
	_, err = c.AnyCredential(ctx, "nobodys", client.CredentialOptions{})
	s.refused(err, problem(client.ProblemNoAccount))
	i := ok[client.ImportResult](s)(c.Import(ctx, client.ImportRequest{Account: "copy", Format: "json", Bytes: got.Body}))
	if !i.Refreshable || i.Account.Name != "copy" {
		t.Errorf("the import came to %+v", i)
	}
	if err := c.Forget(ctx, "copy"); err != nil {
		t.Error(err)
	}
	if r := ok[client.LogoutResult](s)(c.Logout(ctx, "main")); !r.Ended {
		t.Errorf("the logout came to %+v", r)
	}
	s.refused(c.Forget(ctx, "main"), problem(client.ProblemNoAccount))
}

func TestDeliveryMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	s.login("main")
	if list := ok[[]client.Channel](s)(c.Channels(ctx)); len(list) != 1 || list[0].Name != "phone" {
		t.Errorf("the channels are %v", list)
	}
	if r := ok[client.ChannelTest](s)(c.TestChannel(ctx, "phone")); !r.Delivered {
		t.Errorf("the sample came to %+v", r)
	}
	_, err := c.TestChannel(ctx, "pager")
	s.refused(err, problem(client.ProblemNoChannel))
	if o := ok[client.Output](s)(c.RunOutput(ctx, "jar")); o.State != client.OutputOK {
		t.Errorf("the output is %+v", o)
	}
	_, err = c.RunOutput(ctx, "tin")
	s.refused(err, problem(client.ProblemNoOutput))
	if list := ok[[]client.Output](s)(c.Outputs(ctx)); len(list) != 1 || list[0].Name != "jar" {
		t.Errorf("the outputs are %v", list)
	}
	if r := ok[client.Reloaded](s)(c.Reload(ctx)); len(r.Changed)+len(r.NeedsRestart) != 0 {
		t.Errorf("a reload of the same file changed %+v", r)
	}
	list := ok[client.MessageList](s)(c.Messages(ctx, client.MessageQuery{Limit: 10, Wait: time.Second}))
	if list.Journal == "" {
		t.Error("the messages are of no journal")
	}
	for _, m := range list.Messages {
		if text := fmt.Sprintf("%v %+v %#v", m.Login, m.Login, m.Login); strings.Contains(text, "http") {
			t.Errorf("a print shows a code: %s", text)
		}
	}
}

// Every entry of a real journal decodes into the type that belongs to it, and
// says its own type again.
func TestJournalMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	s.login("main")
	ok[client.CheckResult](s)(c.Check(ctx, "main", true))
	ok[client.RefreshResult](s)(c.Refresh(ctx, "main", true))
	ok[client.Credential](s)(c.Credential(ctx, "main", client.CredentialOptions{}))
	listed := ok[[]client.Event](s)(c.Events(ctx, client.EventQuery{Account: "main", Since: time.Now().Add(-time.Hour)}))
	enough := errors.New("enough")
	var followed []client.Event
	err := c.Watch(ctx, client.WatchQuery{Account: "main", Resume: true}, func(e client.Event) error {
		if followed = append(followed, e); len(followed) == len(listed) {
			return enough
		}
		return nil
	})
	s.refused(err, enough)
	for i, e := range listed {
		if followed[i].ID != e.ID || followed[i].Type != e.Type {
			t.Errorf("the stream has %d %s where the list has %d %s", followed[i].ID, followed[i].Type, e.ID, e.Type)
		}
		data, err := e.Decode()
		if err != nil {
			t.Error(err)
		} else if data.EventType() != e.Type {
			t.Errorf("an event of type %s has the data of %s", e.Type, data.EventType())
		}
	}
	for _, want := range []string{client.EventLoginSucceeded, client.EventRefreshed, client.EventCredentialRead} {
		if !slices.ContainsFunc(listed, func(e client.Event) bool { return e.Type == want }) {
			t.Errorf("the journal has no %s", want)
		}
	}
	s.refused(c.Follow(ctx, listed[0].ID, func(client.Event) error { return enough }), enough)
}

func TestVaultMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	s.login("main")
	if v := ok[client.VaultCheck](s)(c.VerifyVault(ctx)); !v.OK {
		t.Errorf("the vault: %s", v.Detail)
	}
	added := ok[client.VaultSlotAdded](s)(c.AddSlot(ctx, client.VaultSlotRequest{Kind: "recovery", Label: "paper"}))
	if text := fmt.Sprintf("%v %+v %#v", added, added, added); added.RecoveryKey == "" || strings.Contains(text, added.RecoveryKey) {
		t.Error("there is no recovery key, or a print shows it")
	}
	info := ok[client.VaultInfo](s)(c.Vault(ctx))
	if !slices.ContainsFunc(info.Slots, func(slot client.VaultSlot) bool { return slot.ID == added.Slot.ID }) {
		t.Errorf("the new slot is not among %v", info.Slots)
	}
	if err := c.RemoveSlot(ctx, added.Slot.ID, ""); err != nil {
		t.Error(err)
	}
	var file bytes.Buffer
	size, _, err := c.BackupVault(ctx, &file)
	if err != nil || size == 0 || size != int64(file.Len()) {
		t.Errorf("a backup of %d bytes, %d arrived: %v", size, file.Len(), err)
	}
}

func TestPageMethods(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, c := t.Context(), s.client
	link := ok[client.PageLink](s)(c.PageLink(ctx))
	if text := fmt.Sprintf("%v %+v %#v", link, link, link); strings.Contains(text, link.URL) {
		t.Error("a print shows the link")
	}
	resp, err := http.Get(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the link leads to %s: %v", resp.Status, err)
	}
	list := ok[[]client.PageSession](s)(c.PageSessions(ctx))
	if len(list) != 1 {
		t.Fatalf("signed in are %+v", list)
	}
	if err := c.RevokePageSession(ctx, list[0].ID); err != nil {
		t.Error(err)
	}
	if list = ok[[]client.PageSession](s)(c.PageSessions(ctx)); len(list) != 0 {
		t.Errorf("signed in are still %+v", list)
	}
	s.refused(c.RevokePageSession(ctx, "nobody"), problem(client.ProblemNotFound))
}

// Whatever carries a type of event decodes as it, without a field.
func TestDecodeEachType(t *testing.T) {
	t.Parallel()
	for _, kind := range client.EventTypes() {
		data, err := client.Event{ID: 1, Type: kind, Data: []byte("{}")}.Decode()
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		} else if data.EventType() != kind {
			t.Errorf("%s decodes as %s", kind, data.EventType())
		}
		if _, err := (client.Event{ID: 1, Type: kind, Data: []byte("7")}).Decode(); err == nil {
			t.Errorf("%s takes a number as its data", kind)
		}
	}
	if _, err := (client.Event{ID: 1, Type: "no.such", Data: []byte("{}")}).Decode(); err == nil {
		t.Error("an unknown type decodes")
	}
}

// Every method of the client is called on a real keeper somewhere above.
func TestEveryMethodIsCalled(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("keeper_test.go")
	if err != nil {
		t.Fatal(err)
	}
	kind := reflect.TypeFor[*client.Client]()
	for i := range kind.NumMethod() {
		if name := kind.Method(i).Name; !bytes.Contains(source, []byte("c."+name+"(")) && !bytes.Contains(source, []byte("client."+name+"(")) {
			t.Errorf("%s is not tested on a keeper", name)
		}
	}
}
