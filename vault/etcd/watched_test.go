//go:build etcd

package etcd_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// TestFigures: what is told of a vault is what happens to it.
func TestFigures(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	a := open(t, w.options())
	b, other := join(t, w)
	const each = 30
	var both sync.WaitGroup
	for _, v := range []*etcd.Vault{a, b} {
		both.Go(func() {
			for range each {
				if err := count(v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	f, g := a.Figures(), b.Figures()
	if f.Commits != each || g.Commits != each || f.Conflicts+g.Conflicts == 0 || f.Refused != 0 {
		t.Errorf("two hosts that were in each other's way tell %+v and %+v", f, g)
	}
	eventually(t, "what both hosts wrote is read and on disk", func() bool {
		f, g = a.Figures(), b.Figures()
		return f.Lag == 0 && g.Lag == 0 && f.CopyLag == 0 && g.CopyLag == 0
	})

	w.put(t, w.record("k", "count"), "rubbish")
	eventually(t, "both have refused it", func() bool { return a.Figures().Refused == 1 && b.Figures().Refused == 1 })

	other.proxy.Refuse()
	begun := time.Now()
	must(t, count(a))
	eventually(t, "the lag of a host that is cut off grows", func() bool {
		f := b.Figures()
		return !f.Away.IsZero() && f.Lag >= 3*time.Second
	})
	if lag, most := b.Figures().Lag, time.Since(begun)+3*time.Second; lag > most {
		t.Errorf("it is %v behind after %v", lag, most)
	}
	must(t, b.Close())
	b = open(t, other.options()) // it knows how old its copy is
	if f := b.Figures(); f.Lag < 3*time.Second || f.Away.IsZero() {
		t.Errorf("begun without etcd it tells %+v", f)
	}
	other.proxy.Heal()
	eventually(t, "it is as new as the other", func() bool {
		f := b.Figures()
		return f.Away.IsZero() && f.Lag == 0 && strings.HasPrefix(get(b, "k", "count"), "61")
	})
}

// TestPassword: a password that is changed in etcd is told, and read anew until it is the
// one that etcd has.
func TestPassword(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	w := newWay(t, cluster)
	cluster.Users(t, etcdtest.User{Name: "keeper", Password: "one", Prefix: w.prefix})
	var password atomic.Value
	password.Store("one")
	o := w.options()
	o.Username, o.Password = "keeper", secret.New("one")
	o.Reread = func() (secret.String, error) { return secret.New(password.Load().(string)), nil }
	v := open(t, o)
	must(t, count(v))
	for _, next := range []string{"two", "three"} {
		cluster.Password(t, "keeper", next)
		eventually(t, "the old password is of no use", func() bool {
			_, err := v.Reach()
			return errors.Is(err, vault.ErrDenied)
		})
		want(t, count(v), vault.ErrUnavailable)
		password.Store(next)
		eventually(t, "the new one is taken", func() bool { return count(v) == nil })
	}
	counted(t, v, 3)
}
