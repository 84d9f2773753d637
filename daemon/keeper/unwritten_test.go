package keeper_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// sealed are the contents of the files of what could not be written.
func sealed(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "unwritten", "*.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", file, info.Mode(), err)
		}
		list = append(list, string(data))
	}
	return list
}

// keptByA lets host a lose the account as a refresh's answer comes, and returns the name
// of the file that it keeps.
func keptByA(t *testing.T, all *keepertest.Hosts, a *keepertest.Host) string {
	t.Helper()
	once := false
	all.OnRequest(func(_ *keepertest.Host, path string, over bool) {
		if path == passporttest.PathRefresh && over && !once {
			once = true
			all.Move("main", "")
		}
	})
	_, err := a.Keeper.Accounts().Refresh(context.Background(), "main", true)
	wantProblem(t, err, client.ProblemHostAway)
	files, _ := filepath.Glob(filepath.Join(all.Dir, "a", "unwritten", "*.sealed"))
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	return files[0]
}

// TestSuperseded: what could not be written is dropped where the account has gone on
// without, and people are told; the one that is in use stays.
func TestSuperseded(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		keptByA(t, all, a)
		all.Move("main", "b")
		time.Sleep(time.Hour)
		inUse := sessdata(t, b)
		if got := account(t, b); got.State != client.StateValid || got.Generation != 2 || !all.Site.Alive(inUse) {
			t.Fatalf("at the new owner: %+v", got)
		}
		all.Move("main", "a")
		time.Sleep(time.Minute)
		if sessdata(t, a) != inUse || len(sealed(t, all.Dir)) != 0 {
			t.Error("what was superseded is in use, or kept")
		}
		if n := told(t, a, client.EventAccountAttention); n != 1 {
			t.Errorf("%d words to people", n)
		}
	})
}

// TestUnwrittenTwice: a crash between the writing and the file's removal leaves a file
// of what is written already, of which nobody is told.
func TestUnwrittenTwice(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, _ *keepertest.Host) {
		file := keptByA(t, all, a)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Move("main", "a")
		synctest.Wait()
		for range 2 { // right after it was written, and when the refresh is over
			all.End("a")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			a = all.Start("a")
			all.Move("main", "a")
			time.Sleep(time.Minute)
			if got := account(t, a); got.Generation != 2 || !all.Site.Alive(sessdata(t, a)) || len(sealed(t, all.Dir)) != 0 {
				t.Errorf("%+v", got)
			}
		}
		if n, rotated := told(t, a, client.EventAccountAttention), all.Site.Refresh.Rotations(mid); n != 0 || rotated != 1 {
			t.Errorf("%d words to people, %d rotations", n, rotated)
		}
	})
}

// TestUnwrittenDamaged: a file that does not open is told of, and left; the account goes
// on.
func TestUnwrittenDamaged(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, _ *keepertest.Host) {
		file := keptByA(t, all, a)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		all.Move("main", "a")
		time.Sleep(time.Hour)
		if got := account(t, a); got.State != client.StateValid || got.Generation != 2 {
			t.Errorf("%+v", got)
		}
		if len(a.Keeper.Problems().Sentences()) == 0 || len(sealed(t, all.Dir)) != 1 {
			t.Error("it is not told of, or not left")
		}
	})
}

// TestTroubleOfTheOther: what was wrong with an account on a host is not its trouble any
// more when another one looks after the account.
func TestTroubleOfTheOther(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		all.OnRequest(func(h *keepertest.Host, path string, over bool) {
			if path == passporttest.PathRefresh && over && h == a {
				a.Away(vault.ErrUnavailable)
			}
		})
		go func() { _, _ = a.Keeper.Accounts().Refresh(context.Background(), "main", true) }()
		time.Sleep(10 * time.Second)
		if a.Keeper.Problems().Of("account main") == "" {
			t.Error("what cannot be saved is not told of")
		}
		all.Move("main", "b")
		a.Away(nil)
		time.Sleep(time.Hour)
		if p := a.Keeper.Problems().Sentences(); len(p) > 0 {
			t.Errorf("the host that had the account tells of %q", p)
		}
		if got := account(t, b); got.State != client.StateValid || got.Generation != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func told(t *testing.T, h *keepertest.Host, kind string) (n int) {
	t.Helper()
	all, err := h.Keeper.Store().Rest(0, 100000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// flap takes the account from its owner at one of the requests to the site, before it
// leaves or when its answer has come, and gives it to the other host, or back.
type flap struct {
	at         int
	over, back bool
}

func (f flap) String() string {
	return fmt.Sprintf("request %d, answered %v, back %v", f.at, f.over, f.back)
}

// watch lets a flap come, and sees that no host ever hands out an older generation than
// before. It returns how many requests there were, and at which path it came.
func (f flap) watch(t *testing.T, all *keepertest.Hosts) (count func() (n int, at string)) {
	var mu sync.Mutex
	n, came := 0, ""
	all.OnRequest(func(h *keepertest.Host, path string, over bool) {
		mu.Lock()
		hit := n == f.at && over == f.over && came == ""
		if hit {
			came = path
		}
		if over {
			n++
		}
		mu.Unlock()
		if !hit {
			return
		}
		to := map[string]string{"a": "b", "b": "a"}[h.Name]
		if f.back {
			all.Move("main", "")
			to = h.Name
		}
		all.Move("main", to)
	})
	for _, name := range []string{"a", "b"} {
		h := all.Host(name)
		go func() {
			last := uint64(0)
			for {
				changed := h.Keeper.Credentials().Changed("main")
				if changed == nil {
					return
				}
				if g := h.Keeper.Credentials().Held("main").Generation; g < last {
					t.Errorf("%s: host %s hands out generation %d after %d", f, name, g, last)
				} else {
					last = g
				}
				select {
				case <-changed:
				case <-all.T.Context().Done():
					return
				}
			}
		}()
	}
	return func() (int, string) { mu.Lock(); defer mu.Unlock(); return n, came }
}

func flaps(t *testing.T, run func(t *testing.T, f flap) (requests int)) {
	n := run(t, flap{at: -1})
	if n < 3 {
		t.Fatalf("%d requests", n)
	}
	for at := range n {
		for _, over := range []bool{false, true} {
			for _, back := range []bool{false, true} {
				run(t, flap{at, over, back})
			}
		}
	}
}

// TestFlappingRefresh: whenever an account goes to another host in the middle of a
// refresh, it comes out of it with a credential that works, and the hosts refresh it as
// often as a keeper that crashed at that moment.
func TestFlappingRefresh(t *testing.T) {
	flaps(t, func(t *testing.T, f flap) (total int) {
		twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
			count := f.watch(t, all)
			all.Site.Refresh.SetDue(mid, true)
			time.Sleep(8*time.Hour + time.Minute)
			n, at := count()
			total = n
			time.Sleep(time.Hour)
			for _, h := range []*keepertest.Host{a, b} {
				if got := account(t, h); got.State != client.StateValid || got.Generation != 2 || got.PendingConfirm || !all.Site.Alive(sessdata(t, h)) {
					t.Errorf("%s: host %s has %+v", f, h.Name, got)
				}
			}
			// A request that had left when the account went is one that the other host
			// cannot know of.
			if n := all.Site.Refresh.Rotations(mid); n != 1 && !(at == passporttest.PathRefresh && !f.back && n == 2) {
				t.Errorf("%s: the site rotated %d times", f, n)
			}
			if n := told(t, a, client.EventLoginRequired); n != 0 {
				t.Errorf("%s: %d logins were asked for", f, n)
			}
		})
		return total
	})
}

// TestFlappingLogin: whenever an account goes to another host in the middle of a login,
// that host goes on with it; where the site's one answer went to the host that had lost
// it, the next code works.
func TestFlappingLogin(t *testing.T) {
	flaps(t, func(t *testing.T, f flap) (total int) {
		twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
			all.Site.Kill(mid)
			count := f.watch(t, all)
			time.Sleep(8 * time.Hour)
			begun := told(t, a, client.EventLoginCode)
			for range 40 {
				time.Sleep(10 * time.Second)
				for _, h := range []*keepertest.Host{a, b} {
					if n := told(t, h, client.EventLoginCode); n > begun {
						begun = n
						if codes := all.Site.QR.Codes(); len(codes) > 0 {
							_ = all.Site.QR.Scan(codes[len(codes)-1], mid)
							time.Sleep(3 * time.Second)
							_ = all.Site.QR.Confirm(codes[len(codes)-1], mid)
						}
					}
				}
				if account(t, a).State == client.StateValid {
					break
				}
			}
			total, _ = count()
			time.Sleep(10 * time.Minute)
			for _, h := range []*keepertest.Host{a, b} {
				if got := account(t, h); got.State != client.StateValid || got.Generation != 2 || !all.Site.Alive(sessdata(t, h)) {
					t.Errorf("%s: host %s has %+v", f, h.Name, got)
				}
			}
		})
		return total
	})
}
