package keeper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// carries lets a host take up what others offer, or not any more. lose loses the answers.
func carries(h *keepertest.Host, yes, lose bool) {
	if !yes {
		h.SetCarry(nil)
		return
	}
	h.SetCarry(func(ctx context.Context, _ string, request []byte) ([]byte, error) {
		answer, ok, err := h.Keeper.Shared().Offers().Take(ctx, request)
		if !ok || lose {
			err = errors.New("the answer was lost")
		}
		return answer, err
	})
}

// wantKept looks how many files there are, how often the site rotated, and how many words
// people were told.
func wantKept(t *testing.T, all *keepertest.Hosts, files, rotations, words int) {
	t.Helper()
	if n := len(sealed(t, all.Dir)); n != files {
		t.Errorf("%d files, want %d", n, files)
	}
	if n := all.Site.Refresh.Rotations(mid); n != rotations {
		t.Errorf("the site rotated %d times, want %d", n, rotations)
	}
	if n := told(t, all.Host("b"), client.EventAccountAttention); n != words {
		t.Errorf("%d words to people, want %d", n, words)
	}
}

// TestKeptReply: what the site gave to a host that has lost the account comes to the one
// that looks after it, whatever fails on the way, and is put to use where nothing newer is.
func TestKeptReply(t *testing.T) {
	tests := map[string]func(t *testing.T, all *keepertest.Hosts, a, b *keepertest.Host){
		"at once": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			carries(b, true, false)
			all.Move("main", "b")
			time.Sleep(time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
		"the account has gone on": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			all.Move("main", "b")
			time.Sleep(20 * time.Minute) // its own refresh is refused: the token was spent
			if got := account(t, b); got.Generation != 1 {
				t.Fatalf("without the reply: %+v", got)
			}
			wantKept(t, all, 1, 1, 0)
			carries(b, true, false)
			time.Sleep(time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
		"the answer is lost": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			carries(b, true, true)
			all.Move("main", "b")
			time.Sleep(time.Minute)
			wantKept(t, all, 1, 1, 0)
			carries(b, true, false)
			time.Sleep(time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
		"the host that has it is started again": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			carries(b, true, true)
			all.Move("main", "b")
			time.Sleep(10 * time.Second)
			all.End("a")
			all.Start("a")
			carries(b, true, false)
			time.Sleep(2 * time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
		"the owner cannot write, and is started again": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			carries(b, true, false)
			b.Away(vault.ErrUnavailable)
			all.Move("main", "b")
			time.Sleep(time.Minute)
			wantKept(t, all, 2, 1, 0) // that one keeps it as well
			all.End("b")
			b = all.Start("b")
			carries(b, true, false)
			all.Move("main", "b")
			time.Sleep(2 * time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
		"the site does not answer": func(t *testing.T, all *keepertest.Hosts, _, b *keepertest.Host) {
			all.Move("main", "b")
			time.Sleep(20 * time.Minute)
			all.Site.SetTrouble(passporttest.PathNav, passporttest.HTTP502)
			carries(b, true, false)
			time.Sleep(10 * time.Minute)
			wantKept(t, all, 1, 1, 0)
			all.Site.SetTrouble(passporttest.PathNav, passporttest.None)
			time.Sleep(2 * time.Hour)
			wantKept(t, all, 0, 1, 0)
		},
		"it comes back": func(t *testing.T, all *keepertest.Hosts, _, _ *keepertest.Host) {
			all.Move("main", "b")
			time.Sleep(20 * time.Minute)
			all.Move("main", "a")
			time.Sleep(time.Minute)
			wantKept(t, all, 0, 1, 0)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
				all.Site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
				keptByA(t, all, a)
				test(t, all, a, b)
				time.Sleep(time.Hour)
				b = all.Host("b")
				if got := account(t, b); got.State != client.StateValid || got.Generation != 2 || got.PendingConfirm || !got.Refreshable || got.LoginID != "" || !all.Site.Alive(sessdata(t, b)) {
					t.Errorf("%+v", got)
				}
				if i := b.Keeper.Record("main").Incident; i != nil {
					t.Errorf("a login is still asked for: %+v", i)
				}
			})
		})
	}
}

// TestKeptReplyOfNoUse: it is dropped, and people are told, where the account has a newer
// one, and where the site denies it twice, apart in time.
func TestKeptReplyOfNoUse(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) { // the site lets the old token be used again
		keptByA(t, all, a)
		all.Move("main", "b")
		time.Sleep(20 * time.Minute)
		inUse := sessdata(t, b)
		wantKept(t, all, 1, 2, 0)
		carries(b, true, false)
		time.Sleep(2 * time.Minute)
		wantKept(t, all, 0, 2, 1)
		if sessdata(t, b) != inUse || !all.Site.Alive(inUse) {
			t.Error("what was superseded is in use")
		}
	})
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		all.Site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
		keptByA(t, all, a)
		all.Move("main", "b")
		time.Sleep(20 * time.Minute)
		carries(b, true, false)
		all.Site.Kill(mid)
		time.Sleep(30 * time.Second)
		wantKept(t, all, 1, 1, 0)
		time.Sleep(2 * time.Minute)
		wantKept(t, all, 0, 1, 1)
	})
}

// TestKeptLogin: so does a login that was granted when the account had gone, also when the
// next code is out already.
func TestKeptLogin(t *testing.T) {
	for name, later := range map[string]time.Duration{"at once": time.Second, "the next code is out": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
				carries(b, false, false)
				l, err := a.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
				if err != nil {
					t.Fatal(err)
				}
				all.Scan(l.URL, mid)
				once := false
				all.OnRequest(func(_ *keepertest.Host, path string, over bool) {
					if path == passporttest.PathPoll && over && !once {
						once = true
						all.Move("main", "")
					}
				})
				time.Sleep(10 * time.Second)
				wantKept(t, all, 1, 0, 0)
				all.Move("main", "b")
				time.Sleep(later)
				carries(b, true, false)
				time.Sleep(2 * time.Minute)
				wantKept(t, all, 0, 0, 0)
				if got := account(t, b); got.State != client.StateValid || got.Generation != 2 || !all.Site.Alive(sessdata(t, b)) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestKeptWhileNobodyAnswers: a commit that is not answered does not keep the reply in
// memory alone.
func TestKeptWhileNobodyAnswers(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		all.Site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
		carries(b, true, false)
		var release func()
		all.OnRequest(func(h *keepertest.Host, path string, over bool) {
			if h == a && path == passporttest.PathRefresh && over {
				release = a.Hang()
			}
		})
		go func() { _, _ = a.Keeper.Accounts().Refresh(context.Background(), "main", true) }()
		time.Sleep(10 * time.Second)
		wantKept(t, all, 1, 1, 0)
		all.Move("main", "b")
		time.Sleep(time.Minute)
		release()
		time.Sleep(10 * time.Minute)
		wantKept(t, all, 0, 1, 0)
		if got := account(t, b); got.Generation != 2 || got.PendingConfirm || !all.Site.Alive(sessdata(t, b)) {
			t.Errorf("%+v", got)
		}
	})
}
