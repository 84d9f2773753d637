package control

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// temporary is removed when all tests are done.
var temporary string

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(temporary)
	os.Exit(code)
}

// signedIn is one for all tests: each would have to open a vault.
var signedIn = sync.OnceValue(func() *signin.SignIn {
	var err error
	if temporary, err = os.MkdirTemp("", "control"); err != nil {
		panic(err)
	}
	dir := filepath.Join(temporary, "state")
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		panic(err)
	}
	s, err := signin.Open(store.New(v), signin.Options{Address: "https://keeper.example.net"})
	if err != nil {
		panic(err)
	}
	return s
})

// aBrowser signs one in.
func aBrowser() (cookie, id string) {
	link := signedIn().Link().URL
	cookie, err := signedIn().Redeem(link[strings.LastIndexByte(link, '/')+1:], signin.Visitor{})
	if err != nil {
		panic(err)
	}
	return cookie, signedIn().Session(cookie)
}

func TestPageRoutes(t *testing.T) {
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
	w := do(s, owner, "POST", "/v1/page/links", "")
	var link client.PageLink
	if err := json.Unmarshal(w.Body.Bytes(), &link); err != nil || !strings.HasPrefix(link.URL, "https://keeper.example.net/sign-in/") || link.ExpiresAt.IsZero() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	cookie, id := aBrowser()
	w = do(s, owner, "GET", "/v1/page/sessions", "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"id":"`+id+`"`) || strings.Contains(w.Body.String(), cookie) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = do(s, owner, "DELETE", "/v1/page/sessions/"+id, ""); w.Code != http.StatusNoContent || signedIn().Session(cookie) != "" {
		t.Errorf("revoke: %d", w.Code)
	}
	if w = do(s, owner, "DELETE", "/v1/page/sessions/"+id, ""); w.Code != http.StatusNotFound {
		t.Errorf("revoke again: %d", w.Code)
	}
	s.parts.SignIn = nil
	if w = do(s, owner, "POST", "/v1/page/links", ""); w.Code != http.StatusNotFound || !strings.Contains(problemOf(t, w).Hint, "page.listen") {
		t.Errorf("without a page: %d %s", w.Code, w.Body)
	}
}
