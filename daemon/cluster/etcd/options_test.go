package etcd

import (
	"crypto/cipher"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
)

func key(t *testing.T, use string) cipher.AEAD {
	t.Helper()
	a, err := NewSeal(make([]byte, 32), []byte(use))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOptions(t *testing.T) {
	good := Options{Client: &clientv3.Client{}, Host: "a.example.org", Seal: key(t, "x")}
	o := good
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	if o.Prefix != Prefix || o.TTL != TTL || o.Timing != cluster.Usual() || !o.Yield("a") || o.Lag() != 0 {
		t.Errorf("%+v", o)
	}
	o.Prefix = "/elsewhere/"
	if err := o.complete(); err != nil || (keys{o.Prefix}).owner("x") != "/elsewhere/owner/x" {
		t.Errorf("%q, %v", o.Prefix, err)
	}
	for want, change := range map[string]func(*Options){
		"needs a client": func(o *Options) { o.Client = nil },
		"is no name":     func(o *Options) { o.Host = "a/b" },
		"whole seconds":  func(o *Options) { o.TTL = time.Second + 1 },
		"needs a key":    func(o *Options) { o.Seal = nil },
	} {
		o := good
		if change(&o); o.complete() == nil || !strings.Contains(o.complete().Error(), want) {
			t.Errorf("%s: %v", want, o.complete())
		}
	}
	if _, err := Join(Options{}); err == nil {
		t.Error("a member without anything")
	}
}

func TestKeys(t *testing.T) {
	k := keys{"/p"}
	for _, account := range []string{"a", "with/slash", sender} {
		if got, ok := k.account(k.owner(account)); !ok || got != account {
			t.Errorf("%q: %q, %v", account, got, ok)
		}
	}
	for _, other := range []string{"/p/owner/", "/p/sender2", "/p/hosts/a", ""} {
		if got, ok := k.account(other); ok {
			t.Errorf("%q is about %q", other, got)
		}
	}
}

// An envelope opens with its key, at its place, as what it is, and nowhere else.
func TestBox(t *testing.T) {
	b := box{key(t, "x")}
	type head struct{ Text string }
	envelope, err := b.seal(asRequest, "/k", 5, head{"hello"}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	var h head
	body, err := b.open(asRequest, "/k", 5, envelope, &h)
	if err != nil || string(body) != "body" || h.Text != "hello" {
		t.Errorf("%q, %+v, %v", body, h, err)
	}
	turned := slices.Clone(envelope)
	turned[len(turned)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"elsewhere":     func() ([]byte, error) { return b.open(asRequest, "/j", 5, envelope, &h) },
		"another thing": func() ([]byte, error) { return b.open(asAnswer, "/k", 5, envelope, &h) },
		"another time":  func() ([]byte, error) { return b.open(asRequest, "/k", 6, envelope, &h) },
		"another key":   func() ([]byte, error) { return box{key(t, "y")}.open(asRequest, "/k", 5, envelope, &h) },
		"changed":       func() ([]byte, error) { return b.open(asRequest, "/k", 5, turned, &h) },
		"cut":           func() ([]byte, error) { return b.open(asRequest, "/k", 5, envelope[:30], &h) },
		"nothing":       func() ([]byte, error) { return b.open(asRequest, "/k", 5, nil, &h) },
	} {
		if _, err := open(); !errors.Is(err, errSeal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Calls come in order, and none is lost at the end.
func TestTeller(t *testing.T) {
	teller := newTeller()
	var got []int
	var running sync.WaitGroup
	running.Go(teller.run)
	for i := range 1000 {
		teller.tell(func() { got = append(got, i) })
	}
	teller.finish()
	running.Wait()
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d calls", len(got))
	}
}
