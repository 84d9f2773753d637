package signin_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/internal/lockout"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// inBubble gives a test a way to open the sessions of one vault again and again.
func inBubble(t *testing.T, test func(t *testing.T, open func(password ...string) *signin.SignIn)) {
	dir := filepath.Join(dirtest.Dir(t), "state")
	synctest.Test(t, func(t *testing.T) {
		v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		st := store.New(v)
		test(t, func(password ...string) *signin.SignIn {
			text := "correct horse battery"
			if len(password) > 0 {
				text = password[0]
			}
			s, err := signin.Open(st, signin.Options{Address: "http://127.0.0.1:7331", Password: secret.New(text)})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

// Who was signed in by a password is not any more once there is another.
func TestPasswordChange(t *testing.T) {
	inBubble(t, func(t *testing.T, open func(password ...string) *signin.SignIn) {
		s := open()
		byLink := redeem(t, s, s.Link())
		byPassword, _, err := s.Password(context.Background(), network("192.0.2.7/32"), "correct horse battery", visitor())
		if err != nil || byPassword == "" {
			t.Fatal(err)
		}
		if s = open(); s.Session(byPassword) == "" {
			t.Error("the same password ends its sessions")
		}
		for _, password := range []string{"another one", "correct horse battery"} {
			if s = open(password); s.Session(byPassword) != "" || s.Session(byLink) == "" {
				t.Errorf("with the password %q", password)
			}
		}
		byPassword, _, err = s.Password(context.Background(), network("192.0.2.7/32"), "correct horse battery", visitor())
		if err != nil || byPassword == "" {
			t.Fatal(err)
		}
		if s = open(""); s.Session(byPassword) != "" || s.HasPassword() {
			t.Error("without a password")
		}
	})
}

func network(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func visitor() signin.Visitor {
	return signin.Visitor{Address: netip.MustParseAddr("192.0.2.7"), Browser: "a browser\x1b[31m\n\u202e"}
}

func redeem(t *testing.T, s *signin.SignIn, l client.PageLink) string {
	t.Helper()
	cookie, err := s.Redeem(l.URL[strings.LastIndexByte(l.URL, '/')+1:], visitor())
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

func TestLink(t *testing.T) {
	inBubble(t, func(t *testing.T, open func(password ...string) *signin.SignIn) {
		s := open()
		link := s.Link()
		if !strings.HasPrefix(link.URL, "http://127.0.0.1:7331/sign-in/") || len(link.URL) < 70 {
			t.Fatal(link.URL)
		}
		cookie := redeem(t, s, link)
		if cookie == "" || s.Session(cookie) == "" {
			t.Fatal("the link does not sign in")
		}
		if again := redeem(t, s, link); again != "" {
			t.Error("the link works twice")
		}
		late := s.Link()
		time.Sleep(10*time.Minute + time.Second)
		if redeem(t, s, late) != "" {
			t.Error("the link works after ten minutes")
		}
		if s.Session("x"+cookie) != "" || s.Session("") != "" {
			t.Error("anything is a session")
		}
		for range 100 {
			link = s.Link()
		}
		if redeem(t, s, link) == "" {
			t.Error("the newest link does not work")
		}
	})
}

func TestSessions(t *testing.T) {
	inBubble(t, func(t *testing.T, open func(password ...string) *signin.SignIn) {
		s := open()
		first := redeem(t, s, s.Link())
		time.Sleep(time.Hour)
		second := redeem(t, s, s.Link())
		list := s.Sessions()
		if len(list) != 2 || list[0].ID != s.Session(second) || list[0].Browser != "a browser[31m" || list[0].Address != "192.0.2.7" ||
			list[0].Method != client.SignedInByLink || !list[1].ExpiresAt.Equal(list[1].CreatedAt.Add(30*24*time.Hour)) {
			t.Errorf("%+v", list)
		}
		s = open()
		if s.Session(first) == "" || s.Session(second) == "" {
			t.Fatal("a restart ends sessions")
		}
		if err := s.Revoke(list[0].ID); err != nil {
			t.Fatal(err)
		}
		if s.Session(second) != "" || open().Session(second) != "" {
			t.Error("a revoked session lives")
		}
		if err := s.Revoke(list[0].ID); !errors.Is(err, &client.Problem{Type: client.ProblemNotFound}) {
			t.Errorf("revoked twice: %v", err)
		}
		if err := s.SignOut(first); err != nil || s.Session(first) != "" || open().Session(first) != "" {
			t.Errorf("signed out: %v", err)
		}
		third := redeem(t, s, s.Link())
		time.Sleep(30*24*time.Hour - time.Second)
		if s.Session(third) == "" {
			t.Error("it ended early")
		}
		time.Sleep(2 * time.Second)
		if s.Session(third) != "" || len(s.Sessions()) != 0 || open().Session(third) != "" {
			t.Error("it lives longer than thirty days")
		}
		for range 100 {
			redeem(t, s, s.Link())
		}
		if n := len(s.Sessions()); n != 64 {
			t.Errorf("%d sessions", n)
		}
	})
}

// Guesses from many addresses, and from the right one's own, shut nobody out.
func TestPassword(t *testing.T) {
	inBubble(t, func(t *testing.T, open func(password ...string) *signin.SignIn) {
		s, ctx := open(), context.Background()
		try := func(from, text string) (string, lockout.Verdict) {
			cookie, verdict, err := s.Password(ctx, network(from), text, visitor())
			if err != nil {
				t.Fatal(err)
			}
			return cookie, verdict
		}
		got := map[lockout.Verdict]int{}
		for range 12 {
			_, verdict := try("192.0.2.7/32", "correct horse")
			got[verdict]++
		}
		if got[lockout.Wrong] != lockout.Burst || got[lockout.TooMany] != 12-lockout.Burst {
			t.Errorf("%v", got)
		}
		if _, verdict := try("192.0.2.8/32", strings.Repeat("x", 1<<20)); verdict != lockout.Wrong {
			t.Errorf("a long one: %v", verdict)
		}
		for _, from := range []string{"192.0.2.7/32", "192.0.2.9/32"} {
			cookie, verdict := try(from, "correct horse battery")
			if verdict != lockout.Right || s.Session(cookie) == "" {
				t.Errorf("the right one from %s: %v", from, verdict)
			}
		}
		if list := s.Sessions(); list[0].Method != client.SignedInByPassword {
			t.Errorf("%+v", list)
		}
	})
}

func TestProof(t *testing.T) {
	if !signin.Proves("a", signin.Proof("a")) || signin.Proves("b", signin.Proof("a")) || signin.Proves("", signin.Proof("")) || signin.Proves("a", "") {
		t.Error("proofs do not tell sessions apart")
	}
}
