//go:build etcd

package etcd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// told collects what was refused.
type told struct {
	mu   sync.Mutex
	list []string
}

func (t *told) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, text)
}

func (t *told) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.list, "; ")
}

// TestByHand: what somebody changes in etcd who has not the data key is refused and
// told of, by a host that runs and by one that comes, and the next change mends it.
func TestByHand(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	// old is what etcd had of both records when they were new.
	type old struct{ a, b, members string }
	for name, attack := range map[string]func(t *testing.T, w *way, was old){
		"swapped": func(t *testing.T, w *way, _ old) {
			a, b := w.get(t, w.record("k", "a")), w.get(t, w.record("k", "b"))
			w.put(t, w.record("k", "a"), b)
			w.put(t, w.record("k", "b"), a)
		},
		"put back": func(t *testing.T, w *way, was old) { w.put(t, w.record("k", "a"), was.a) },
		"rubbish":  func(t *testing.T, w *way, _ old) { w.put(t, w.record("k", "a"), "rubbish") },
		"written again": func(t *testing.T, w *way, _ old) {
			w.put(t, w.record("k", "a"), w.get(t, w.record("k", "a")))
		},
		"removed": func(t *testing.T, w *way, _ old) { w.do(t, clientv3.OpDelete(w.record("k", "a"))) },
		"removed and put back": func(t *testing.T, w *way, was old) {
			w.do(t, clientv3.OpDelete(w.record("k", "a")))
			w.put(t, w.record("k", "a"), was.a)
		},
		"removed and put back with its version": func(t *testing.T, w *way, _ old) {
			now := w.get(t, w.record("k", "a"))
			w.do(t, clientv3.OpDelete(w.record("k", "a")))
			for range 2 {
				w.put(t, w.record("k", "a"), "rubbish")
			}
			w.put(t, w.record("k", "a"), now)
		},
		"the sum put back": func(t *testing.T, w *way, was old) {
			w.put(t, w.prefix+"/k/k", was.members)
			w.put(t, w.record("k", "a"), was.a)
		},
		"moved": func(t *testing.T, w *way, was old) {
			w.put(t, w.record("k", "c"), was.a)
			w.put(t, w.record("k", "a"), "rubbish")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWay(t, cluster)
			var heard told
			o := w.options()
			o.Refused = heard.add
			v := open(t, o)
			must(t, put(v, "k", "a", "a1"))
			was := old{a: w.get(t, w.record("k", "a")), members: w.get(t, w.prefix+"/k/k")}
			must(t, put(v, "k", "b", "b1"))
			was.b = w.get(t, w.record("k", "b"))
			must(t, put(v, "k", "a", "a2"))
			must(t, put(v, "k", "a", "a3"))
			attack(t, w, was)
			eventually(t, "the word of it", func() bool { return heard.last() != "" && len(v.Info().Damage) > 0 })
			unharmed(t, v)
			want(t, v.Verify(), vault.ErrCorrupt)
			// From the copy it is known what it was.
			must(t, v.Close())
			v = open(t, o)
			unharmed(t, v)
			if len(v.Info().Damage) == 0 {
				t.Error("nothing is told after the start")
			}
			// Who comes anew takes nothing for what it is not.
			fresh, _ := join(t, w)
			if a, b := get(fresh, "k", "a"), get(fresh, "k", "b"); a != "a3" && !isError(a) || b != "b1" && !isError(b) || len(fresh.Info().Damage) == 0 {
				t.Errorf("a new host reads %q, %q and tells of %q", a, b, fresh.Info().Damage)
			}
			must(t, fresh.Close())
			if name == "moved" {
				w.do(t, clientv3.OpDelete(w.record("k", "c")))
			}
			must(t, put(v, "k", "a", "a4"))
			must(t, put(v, "k", "b", "b2"))
			must(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "more", nil, 0); return err }))
			must(t, v.Verify())
			if d := v.Info().Damage; len(d) > 0 {
				t.Errorf("left: %q", d)
			}
		})
	}
}

func isError(text string) bool {
	return strings.Contains(text, "damaged") || strings.Contains(text, "not found")
}

func unharmed(t *testing.T, v vault.Vault) {
	t.Helper()
	if a, b := get(v, "k", "a"), get(v, "k", "b"); a != "a3" || b != "b1" {
		t.Errorf("they are %q and %q", a, b)
	}
}

// TestJournalByHand: the same for the journal.
func TestJournalByHand(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	for name, attack := range map[string]func(t *testing.T, w *way, oldHead string){
		"an entry removed": func(t *testing.T, w *way, _ string) { w.do(t, clientv3.OpDelete(entryKey(w, 2))) },
		"two swapped": func(t *testing.T, w *way, _ string) {
			two, three := w.get(t, entryKey(w, 2)), w.get(t, entryKey(w, 3))
			w.put(t, entryKey(w, 2), three)
			w.put(t, entryKey(w, 3), two)
		},
		"one more":          func(t *testing.T, w *way, _ string) { w.put(t, entryKey(w, 5), w.get(t, entryKey(w, 2))) },
		"its end put back":  func(t *testing.T, w *way, head string) { w.put(t, w.prefix+"/jhead", head) },
		"its end removed":   func(t *testing.T, w *way, _ string) { w.do(t, clientv3.OpDelete(w.prefix+"/jhead")) },
		"its end repeated":  func(t *testing.T, w *way, _ string) { w.put(t, w.prefix+"/jhead", w.get(t, w.prefix+"/jhead")) },
		"the id of another": func(t *testing.T, w *way, _ string) { w.put(t, w.prefix+"/meta", `{"schema":1,"id":"00"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWay(t, cluster)
			var heard told
			o := w.options()
			o.Refused = heard.add
			v := open(t, o)
			must(t, count(v))
			head := w.get(t, w.prefix+"/jhead")
			for range 3 {
				must(t, count(v))
			}
			attack(t, w, head)
			eventually(t, "the word of it", func() bool { return heard.last() != "" })
			counted(t, v, 4)
			if name != "the id of another" {
				want(t, v.Verify(), vault.ErrCorrupt)
				must(t, count(v))
				counted(t, v, 5)
			}
		})
	}
}

func entryKey(w *way, id uint64) string {
	return w.prefix + "/j/" + "000000000000000" + string(rune('0'+id))
}

// TestWithoutKey: who has not the key opens nothing, and a key is not made for a vault
// that is there.
func TestWithoutKey(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	must(t, put(v, "k", "a", "secret value"))
	_, recovery, err := v.AddSlot(vault.NewSlot{Kind: vault.SlotRecovery})
	must(t, err)
	next := w.another(t)
	_, err = etcd.Open(next.options())
	want(t, err, vault.ErrKeyMissing)
	stranger := newWay(t, w.cluster)
	stranger.prefix = w.prefix + ".other"
	must(t, open(t, stranger.options()).Close())
	carry(t, stranger, next)
	_, err = etcd.Open(next.options())
	want(t, err, vault.ErrWrongKey)
	// A key file that is there says that there was a vault.
	next.prefix += ".none"
	_, err = etcd.Open(next.options())
	want(t, err, vault.ErrGone)
	// A recovery key lets a host in, and gives it a key file of its own.
	third := w.another(t)
	o := third.options()
	o.Keys = vault.Keys{Recovery: func() (secret.String, error) { return recovery, nil }}
	joined := open(t, o)
	_, _, err = joined.AddSlot(vault.NewSlot{Kind: vault.SlotKeyFile})
	must(t, err)
	must(t, joined.Close())
	if got := get(open(t, third.options()), "k", "a"); got != "secret value" {
		t.Errorf("it reads %q", got)
	}
	eventually(t, "the slot of the third host", func() bool { return len(v.Info().Slots) == 3 })
}

// TestWhatEtcdSees: neither values nor the keys of other kinds.
func TestWhatEtcdSees(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	o := w.options()
	o.Clear = func(kind string) bool { return kind == "account" }
	v := open(t, o)
	must(t, put(v, "account", "shown", "hidden value"))
	must(t, put(v, "other", "hidden key", "hidden value"))
	must(t, put(v, "local", "local key", "hidden value"))
	must(t, v.Update(func(tx vault.Tx) error { _, err := tx.Append(noon, []byte("hidden entry")); return err }))
	must(t, v.Close())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all, err := w.client.Get(ctx, "", clientv3.WithPrefix())
	must(t, err)
	var seen strings.Builder
	for _, kv := range all.Kvs {
		seen.Write(kv.Key)
		seen.Write(kv.Value)
	}
	file, err := os.ReadFile(filepath.Join(w.dir, "cluster.db"))
	must(t, err)
	for what, text := range map[string]string{"etcd": seen.String(), "the copy": string(file)} {
		if !strings.Contains(text, "shown") {
			t.Errorf("%s has no account", what)
		}
		for _, hidden := range []string{"hidden value", "hidden key", "hidden entry"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s shows a %s", what, hidden)
			}
		}
	}
	if strings.Contains(seen.String(), "local") {
		t.Error("etcd has what is local")
	}
	v = open(t, o)
	if got := get(v, "other", "hidden key"); got != "hidden value" {
		t.Errorf("it reads %q", got)
	}
	must(t, v.Verify())
}

// TestUsers: a user of etcd without the role reads and writes nothing, and is told why.
func TestUsers(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	w := newWay(t, cluster)
	cluster.Users(t, etcdtest.User{Name: "keeper", Password: "one", Prefix: w.prefix}, etcdtest.User{Name: "other", Password: "two", Prefix: "/other"})
	as := func(o etcd.Options, name, password string) etcd.Options {
		o.Username, o.Password = name, secret.New(password)
		return o
	}
	v := open(t, as(w.options(), "keeper", "one"))
	must(t, count(v))
	must(t, v.Verify())
	next := w.another(t)
	carry(t, w, next)
	for _, who := range [][2]string{{"other", "two"}, {"keeper", "wrong"}, {"", ""}} {
		_, err := etcd.Open(as(next.options(), who[0], who[1]))
		if err == nil || errors.Is(err, vault.ErrUnavailable) || strings.Contains(err.Error(), who[1]) && who[1] != "" {
			t.Errorf("as %q: %v", who[0], err)
		} else {
			t.Log(err)
		}
	}
	must(t, count(open(t, as(next.options(), "keeper", "one"))))
}
