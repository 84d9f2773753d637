package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

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
		if err != nil || !same(back, r) {
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
		if r := want[text.Name]; !same(got, r) || p.Session != r.SessionNumber() {
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

// same compares what two records say.
func same(a, b *store.Record) bool {
	return reflect.DeepEqual(a.Brief, b.Brief) && reflect.DeepEqual(a.Secrets, b.Secrets)
}

// Secrets that did not change are packed and written as they were, and those that did
// as they are.
func TestPackedAgain(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	for name, r := range map[string]*store.Record{"full": full(), "usual": usual(), "odd": odd()} {
		r.Name, r.Device.Key = name, name
		if err := s.Save(r, nil, nil); err != nil {
			t.Fatal(err)
		}
		p, err := r.Pack()
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Unpack()
		if err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func(){
			"the state":       func() { rec.Failures += 3 },
			"the preferences": func() { rec.Preferences = store.Preferences{Schedule: "@daily"} },
			"no preferences":  func() { rec.Preferences = store.Preferences{} },
			"the secrets":     func() { rec.OldToken = secret.New("another " + rec.OldToken.Reveal()) },
			"the cookies":     func() { rec.Credential.Cookies = rec.Credential.Cookies[:1] },
		} {
			change()
			if err := s.Save(rec, nil, nil); err != nil {
				t.Fatal(err)
			}
			kept, err := s.Record(name)
			if err != nil || !same(kept, rec) {
				t.Fatalf("%s, after a change of %s: %+v is written as %+v, %v", name, what, rec, kept, err)
			}
			again, err := rec.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := again.Unpack(); err != nil || !same(back, rec) || again.Session != rec.SessionNumber() {
				t.Errorf("%s, after a change of %s: %+v is packed as %+v, %v", name, what, rec, back, err)
			}
		}
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
	r, err := p.Unpack() // it has what it was unpacked from
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb+verb+verb+verb+verb, p, *p, texts, r, *r); strings.Contains(got, "value") || strings.Contains(got, "76616c7565") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if text, err := json.Marshal(p); err != nil || strings.Contains(string(text), "value%") {
		t.Errorf("%s, %v", text, err)
	}
}

// Secrets that differ in anything at all are not taken for unchanged.
func TestEachSecretIsCompared(t *testing.T) {
	r := full()
	r.Device.Key = r.Name
	r.Spare.Cookies, r.Code.Cookies = r.Credential.Cookies, r.Credential.Cookies
	p, err := r.Pack()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	var differ func(path string, at func(*store.Record) reflect.Value)
	differ = func(path string, at func(*store.Record) reflect.Value) {
		rec, err := p.Unpack()
		if err != nil {
			t.Fatal(err)
		}
		switch v := at(rec); x := v.Addr().Interface().(type) {
		case *secret.String:
			*x = secret.New("another " + x.Reveal())
		case *time.Time:
			*x = x.Add(time.Second)
		default:
			switch v.Kind() {
			case reflect.String:
				v.SetString("another " + v.String())
			case reflect.Bool:
				v.SetBool(!v.Bool())
			case reflect.Int, reflect.Int64:
				v.SetInt(v.Int() + 1)
			case reflect.Slice: // a list is never changed in place
				v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 1, 2), v))
				path += "[]"
				for _, f := range reflect.VisibleFields(v.Type().Elem()) {
					differ(path+"."+f.Name, func(rec *store.Record) reflect.Value {
						list := at(rec)
						list.Set(reflect.AppendSlice(reflect.MakeSlice(list.Type(), 0, list.Len()), list))
						return list.Index(0).FieldByIndex(f.Index)
					})
				}
			case reflect.Struct:
				for _, f := range reflect.VisibleFields(v.Type()) {
					if f.Tag.Get("json") != "-" {
						differ(path+"."+f.Name, func(rec *store.Record) reflect.Value { return at(rec).FieldByIndex(f.Index) })
					}
				}
				return
			default:
				t.Fatalf("%s is a %s", path, v.Kind())
			}
		}
		again, err := rec.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := again.Unpack(); err != nil || !same(back, rec) {
			t.Errorf("a change of %s is lost: %+v, %v", path, back, err)
		}
		compared++
	}
	differ("Secrets", func(rec *store.Record) reflect.Value { return reflect.ValueOf(&rec.Secrets).Elem() })
	if compared < 40 {
		t.Errorf("%d changes", compared)
	}
}
