package store_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

func open(t *testing.T, dir string) (*store.Store, *vault.File) {
	t.Helper()
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		t.Fatal(err)
	}
	return store.New(v), v
}

// textsOf are the accounts' records as they are kept. Each is the same when it is read
// by itself.
func textsOf(t *testing.T, s *store.Store) (texts []store.Text) {
	t.Helper()
	if err := s.Texts(func(text store.Text) error { texts = append(texts, text); return nil }); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, text := range texts {
		names = append(names, text.Name)
		var one []store.Text
		if err := s.Texts(func(text store.Text) error { one = append(one, text); return nil }, text.Name); err != nil || len(one) != 1 || one[0] != text {
			t.Errorf("%s by itself is another: %v", text.Name, err)
		}
	}
	if got, err := s.Keys(store.KindAccount); err != nil || !slices.Equal(got, names) {
		t.Errorf("the names are %q, %v, want %q", got, err, names)
	}
	return texts
}

// full is a record with something in every field.
func full() *store.Record {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	one := cookie.Cookie{Name: "SESSDATA", Value: secret.New("a%2Cb*c"), Domain: ".bilibili.com", Path: "/", Expires: at, HTTPOnly: true, Secure: true, SameSite: "Lax"}
	grant := passport.Grant{Cookies: []cookie.Cookie{one}, RefreshToken: secret.New("token"), HopURL: secret.New("https://hop"), BodyMid: 7, At: at}
	return &store.Record{Brief: store.Brief{Account: lifecycle.New("main", passport.Web, at)}, Secrets: store.Secrets{
		Device:     passport.Device{UserAgent: "agent", Buvid3: secret.New("b3"), Buvid4: secret.New("b4"), Key: "main"},
		Credential: grant, StagedGrant: grant, OldToken: secret.New("old"),
		Code: passport.Code{URL: secret.New("https://code"), Key: secret.New("key"), ExpiresAt: at, Cookies: []cookie.Cookie{one}},
		SMS:  store.SMS{Phone: secret.New("138"), CID: 1, Key: secret.New("captcha")},
	}}
}

// TestRecordComesBack: all that is kept is there after a restart, byte for byte.
func TestRecordComesBack(t *testing.T) {
	dir := filepath.Join(dirtest.Dir(t), "state")
	s, v := open(t, dir)
	want := full()
	if err := s.Save(want, store.Of("main", client.AccountAdded{Site: "web"}), nil); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	s, v = open(t, dir)
	defer v.Close()
	got, err := s.Record("main")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := got.Credential, want.Credential; len(a.Cookies) != 1 || a.Cookies[0] != b.Cookies[0] || !a.RefreshToken.Equal(b.RefreshToken) ||
		!a.HopURL.Equal(b.HopURL) || a.BodyMid != 7 || !a.At.Equal(b.At) {
		t.Errorf("the credential is %+v", a)
	}
	if got.Device != want.Device || !got.OldToken.Equal(want.OldToken) || got.SMS != want.SMS || !got.Code.Key.Equal(want.Code.Key) ||
		len(got.Code.Cookies) != 1 || len(got.StagedGrant.Cookies) != 1 || got.Name != "main" || got.Revision != want.Revision {
		t.Errorf("the record is %+v", got)
	}
}

// TestFormOnDisk: the names and the shape that a vault written by any version has.
func TestFormOnDisk(t *testing.T) {
	const grant = `{"cookies":[{"name":"SESSDATA","value":"a%2Cb*c","domain":".bilibili.com","path":"/","expires":"2026-03-04T05:06:07Z","http_only":true,"secure":true,"same_site":"Lax"}],` +
		`"refresh_token":"token","hop_url":"https://hop","body_mid":7,"at":"2026-03-04T05:06:07Z"}`
	const text = `{"account":{"name":"main","site":"web","base":"new","added":"2026-03-04T05:06:07Z","generation":0,"refreshable":false},` +
		`"device":{"user_agent":"agent","buvid3":"b3","buvid4":"b4"},"credential":` + grant + `,"staged":` + grant + `,"old_token":"old",` +
		`"code":{"url":"https://code","key":"key","expires_at":"2026-03-04T05:06:07Z","cookies":[{"name":"SESSDATA","value":"a%2Cb*c"}]},"sms":{"phone":"138","cid":1,"key":"captcha"}}`
	dir := filepath.Join(dirtest.Dir(t), "state")
	s, v := open(t, dir)
	defer v.Close()
	err := v.Update(func(tx vault.Tx) error {
		_, err := tx.Put("account", "main", []byte(text), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Record("main")
	if err != nil {
		t.Fatal(err)
	}
	want := full()
	if got.Credential.Cookies[0] != want.Credential.Cookies[0] || got.SMS != want.SMS || got.Device != want.Device || !got.Code.URL.Equal(want.Code.URL) || got.Code.Cookies[0].Value.Reveal() != "a%2Cb*c" {
		t.Errorf("%+v", got)
	}
}

// TestShownBeforeAnybodyIsWoken: whoever wakes up because of an event sees the
// state that belongs to it.
func TestShownBeforeAnybodyIsWoken(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	woken, shown := s.Changed(), false
	err := s.Save(full(), store.Of("main", client.CheckAlive{}), func() {
		shown = true
		select {
		case <-woken:
			t.Error("somebody was woken before the state was shown")
		default:
		}
	})
	if err != nil || !shown {
		t.Fatalf("shown %v: %v", shown, err)
	}
	select {
	case <-woken:
	default:
		t.Error("nobody was woken")
	}
}

// Who follows the journal is woken by events and by nothing else.
func TestWoken(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	r := full()
	event := store.Of("main", client.CheckAlive{})
	for _, tt := range []struct {
		what          string
		do            func() error
		changed, told bool
	}{
		{"a record with an event", func() error { return s.Save(r, event, nil) }, true, true},
		{"a record alone", func() error { return s.Save(r, nil, nil) }, true, false},
		{"an event alone", func() error { return s.Tell(event...) }, true, true},
		{"a small record with an event", func() error { return s.Put(store.KindOutput, "o", 1, event) }, true, true},
		{"a small record alone", func() error { return s.Put(store.KindOutput, "o", 2, nil) }, true, false},
		{"what nobody waits for", func() error { return s.Keep(store.Small{Kind: store.KindOutput, Key: "o", Value: 3}) }, false, false},
		{"an event of another host", func() error { store.Others{Store: s}.Wake(); return nil }, true, true},
		{"the end of a record", func() error { return s.Delete(r, event) }, true, true},
	} {
		changed, told := s.Changed(), s.Told()
		if err := tt.do(); err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		if got := closed(changed); got != tt.changed {
			t.Errorf("%s wakes who waits for a change: %v", tt.what, got)
		}
		if got := closed(told); got != tt.told {
			t.Errorf("%s wakes who follows the journal: %v", tt.what, got)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestEvents: what was told comes back in its own type, and ids only grow.
func TestEvents(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	days, exit := 3, 0
	list := []client.EventData{
		client.AccountAdded{Site: "web"}, client.AccountRemoved{}, client.AccountAttention{Reason: client.AttentionExpires, Days: &days},
		client.CheckAlive{}, client.CheckDenied{Confirmed: true}, client.CheckUndecided{Blocks: true}, client.CheckUndecided{},
		client.Refreshed{Generation: 2}, client.RefreshUndone{Reason: "trouble"}, client.RefreshConfirmed{Generation: 2},
		client.LoginRequired{Incident: "i"}, client.LoginCode{Code: 1}, client.LoginScan{}, client.LoginDone{Mid: 7}, client.LoginUndone{Reason: "expired"},
		client.CredentialRead{Format: "header"}, client.OutputRun{Output: "o", Exit: exit}, client.OutputRun{Failed: true}, client.Delivery{Channel: "c"}, client.Delivery{Failed: true},
	}
	if err := s.Tell(store.Of("main", list...)...); err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(0, 100)
	if err != nil || len(events) != len(list) || len(list) != len(client.EventTypes()) {
		t.Fatalf("%d events of %d, %d types, %v", len(events), len(list), len(client.EventTypes()), err)
	}
	for i, e := range events {
		d, err := e.Decode()
		if err != nil || d.EventType() != list[i].EventType() || e.Type != d.EventType() || e.ID != uint64(i+1) || e.Account != "main" {
			t.Errorf("%+v: %v, %v", e, d, err)
		}
	}
	if _, err := (client.Event{Type: "later.version"}).Decode(); err == nil {
		t.Error("an event of another version was read")
	}
}

// A record of the version before, and one of a version to come, open as they are.
func TestRecordOfAnotherVersion(t *testing.T) {
	dir := filepath.Join(dirtest.Dir(t), "state")
	s, v := open(t, dir)
	defer v.Close()
	for name, value := range map[string]string{
		"before": `{"account":{"name":"before","site":"web","base":"new","added":"2026-01-02T03:04:05Z","generation":0,"refreshable":false},"device":{}}`,
		"later":  `{"account":{"name":"later","site":"web","base":"new","added":"2026-01-02T03:04:05Z","generation":0,"refreshable":false,"mood":"good"},"device":{},"preferences":{"tags":["a"],"colour":"red"},"more":{"a":1}}`,
	} {
		err := v.Update(func(tx vault.Tx) error {
			_, err := tx.Put("account", name, []byte(value), 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	texts := textsOf(t, s)
	if len(texts) != 2 {
		t.Fatalf("%v", texts)
	}
	records := make([]*store.Packed, len(texts))
	for i, text := range texts {
		var err error
		if records[i], err = text.Pack(); err != nil {
			t.Fatal(err)
		}
	}
	if !records[0].Preferences.Equal(store.Preferences{}) || !records[1].Preferences.Equal(store.Preferences{Tags: []string{"a"}}) {
		t.Errorf("%+v, %+v", records[0].Preferences, records[1].Preferences)
	}
}
