package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// usual is a record as most are.
func usual() *store.Record {
	r := full()
	r.Preferences = store.Preferences{Tags: []string{"a", "b"}, Paused: true}
	r.Device.UserAgent = passport.NewUserAgent("seed")
	r.StagedGrant, r.OldToken, r.Code, r.SMS = passport.Grant{}, secret.String{}, passport.Code{}, store.SMS{}
	r.Credential.Cookies = nil
	for _, name := range []string{"SESSDATA", "bili_jct", "DedeUserID", "DedeUserID__ckMd5", "sid"} {
		r.Credential.Cookies = append(r.Credential.Cookies, cookie.Cookie{Name: name, Value: secret.New("value%2Cof*" + name), Domain: "bilibili.com",
			Path: "/", Expires: r.Added.AddDate(0, 6, 0), HTTPOnly: name == "SESSDATA", Secure: name == "SESSDATA"})
	}
	return r
}

// odd has in it what a short form could be mistaken about.
func odd() *store.Record {
	r := usual()
	r.Detail = "a } and a \" and a \\ and a { and \x01 and \x1f"
	r.Credential.Cookies[0].Value = secret.New("a\x01b\x02\"\\<>&]}\x1f")
	r.Device.UserAgent = `","domain":"bilibili.com","path":"/"` + "\x03"
	return r
}

func TestPackAndUnpack(t *testing.T) {
	for name, r := range map[string]*store.Record{"full": full(), "usual": usual(), "odd": odd(), "new": {Brief: full().Brief}} {
		r.Device.Key = r.Name
		p, err := r.Pack()
		if err != nil {
			t.Fatal(err)
		}
		back, err := p.Unpack()
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s comes back as %+v, %v", name, back, err)
		}
		if p.Session != r.SessionNumber() || (p.Session == 0) != (name == "new") {
			t.Errorf("the session of %s is %d", name, p.Session)
		}
	}
}

// What is read at a start is what was saved, whichever way it is read.
func TestTextsAreTheRecords(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	want := map[string]*store.Record{"full": full(), "usual": usual(), "odd": odd()}
	for name, r := range want {
		r.Name, r.Device.Key = name, name
		if err := s.Save(r, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	texts := textsOf(t, s)
	if len(texts) != len(want) {
		t.Fatalf("%d texts", len(texts))
	}
	for _, text := range texts {
		p, err := text.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Unpack()
		if err != nil {
			t.Fatal(err)
		}
		if r := want[text.Name]; !reflect.DeepEqual(got, r) || p.Session != r.SessionNumber() {
			t.Errorf("%s is read as %+v with session %d, want %+v with %d", text.Name, got, p.Session, r, r.SessionNumber())
		}
	}
}

func TestTextThatMeansNothing(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	for i, value := range []string{`no JSON`, `{"account":{"name":1}}`, `{"account":{"name":"a"},"device":`, `{"account":{"name":"a"} "device":{}}`, `{"account":"a"}`,
		`{"account":{"name":"a"},"preferences":7}`, `[]`} {
		err := v.Update(func(tx vault.Tx) error {
			_, err := tx.Put("account", fmt.Sprint("n", i), []byte(value), 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range textsOf(t, s) {
		if p, err := text.Pack(); err == nil {
			t.Errorf("%s is read as %+v", text.Name, p)
		}
	}
}

// Secrets that did not change are packed as they were.
func TestRepack(t *testing.T) {
	r := usual()
	p, err := r.Pack()
	if err != nil {
		t.Fatal(err)
	}
	next := *r
	next.Failures = 3
	again, err := p.Repack(&next, r.Secrets)
	if back, _ := again.Unpack(); err != nil || back.Failures != 3 || back.Credential.Cookies[0] != r.Credential.Cookies[0] {
		t.Errorf("%+v, %v", again, err)
	}
	next.OldToken = secret.New("another")
	again, err = p.Repack(&next, r.Secrets)
	if back, _ := again.Unpack(); err != nil || !back.OldToken.Equal(secret.New("another")) {
		t.Errorf("%+v, %v", again, err)
	}
	if again, err = (*store.Packed)(nil).Repack(r, r.Secrets); err != nil || again.Session != p.Session {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestPackedDoesNotPrint(t *testing.T) {
	p, err := usual().Pack()
	if err != nil {
		t.Fatal(err)
	}
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	if err := s.Save(usual(), nil, nil); err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb+verb+verb, p, *p, texts); strings.Contains(got, "value") || strings.Contains(got, "76616c7565") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if text, err := json.Marshal(p); err != nil || strings.Contains(string(text), "value%") {
		t.Errorf("%s, %v", text, err)
	}
}
