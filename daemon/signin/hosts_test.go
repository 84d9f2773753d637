package signin_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// away is a vault that takes no change while it is away.
type away struct {
	vault.Vault
	yes bool
}

func (a *away) Update(fn func(vault.Tx) error) error {
	if a.yes {
		return vault.ErrUnavailable
	}
	return a.Vault.Update(fn)
}

// TestSeveralHosts: a link that one host made works once, at any; who signs in at one is
// signed in at all, and who signs out is so at none, over each one's restart.
func TestSeveralHosts(t *testing.T) {
	dir := filepath.Join(dirtest.Dir(t), "state")
	synctest.Test(t, func(t *testing.T) {
		v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		reach := &away{Vault: v}
		open := func() *signin.SignIn {
			s, err := signin.Open(store.New(reach), signin.Options{Address: "https://keeper.example.net", Password: secret.New("correct horse battery"), Shared: true, Memory: 64})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		a, b := open(), open()
		link := a.Link()
		if cookie := redeem(t, b, link); cookie == "" || a.Session(cookie) == "" || b.Session(cookie) == "" || a.Session(cookie) != b.Session(cookie) {
			t.Error("a link of one host does not sign in at all")
		}
		for _, s := range []*signin.SignIn{a, b} {
			if redeem(t, s, link) != "" {
				t.Error("it works again")
			}
		}
		late := b.Link()
		time.Sleep(10*time.Minute + time.Second)
		if redeem(t, a, late) != "" {
			t.Error("it works after ten minutes")
		}
		byPassword, _, err := a.Password(context.Background(), network("192.0.2.7/32"), "correct horse battery", visitor())
		if err != nil || b.Session(byPassword) == "" {
			t.Fatalf("a password at one host does not sign in at all: %v", err)
		}
		byLink := redeem(t, b, b.Link())
		if a = open(); a.Session(byPassword) == "" || len(a.Sessions()) != 3 || len(b.Sessions()) != 3 {
			t.Errorf("after a restart with the same password: %d and %d", len(a.Sessions()), len(b.Sessions()))
		}
		if err := a.SignOut(byPassword); err != nil || b.Session(byPassword) != "" {
			t.Error("signed out at one host, and not at the other")
		}
		reach.yes = true
		if err := b.SignOut(byLink); err == nil || b.Session(byLink) != "" {
			t.Error("signed out while nothing can be written, and not where it was")
		}
		own := b.Link()
		reach.yes = false
		if redeem(t, a, own) != "" || redeem(t, b, own) == "" {
			t.Error("a link that the others could not be told of")
		}
		if a.Session(byLink) != "" {
			t.Error("signed out while nothing could be written, and signed in later")
		}
	})
}
