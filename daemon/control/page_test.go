package control

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// browser signs one in.
func (f *fixture) browser() (cookie, id string) {
	f.T.Helper()
	link := f.signIn.Link().URL
	cookie, err := f.signIn.Redeem(link[strings.LastIndexByte(link, '/')+1:], signin.Visitor{})
	if err != nil {
		f.T.Fatal(err)
	}
	return cookie, f.signIn.Session(cookie)
}

func TestPageRoutes(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: testOwner}, nil)
		w := do(s, owner, "POST", "/v1/page/links", "")
		var link client.PageLink
		if err := json.Unmarshal(w.Body.Bytes(), &link); err != nil || !strings.HasPrefix(link.URL, "https://keeper.example.net/sign-in/") || link.ExpiresAt.IsZero() {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		cookie, id := f.browser()
		w = do(s, owner, "GET", "/v1/page/sessions", "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"id":"`+id+`"`) || strings.Contains(w.Body.String(), cookie) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w = do(s, owner, "DELETE", "/v1/page/sessions/"+id, ""); w.Code != http.StatusNoContent || f.signIn.Session(cookie) != "" {
			t.Errorf("revoke: %d", w.Code)
		}
		if w = do(s, owner, "DELETE", "/v1/page/sessions/"+id, ""); w.Code != http.StatusNotFound {
			t.Errorf("revoke again: %d", w.Code)
		}
		f.signIn = nil
		s = f.owned()
		for route, method := range map[string]string{"/v1/page/links": "POST", "/v1/page/sessions": "GET", "/v1/page/sessions/" + id: "DELETE"} {
			if w = do(s, owner, method, route, ""); w.Code != http.StatusNotFound || !strings.Contains(problemOf(t, w).Hint, "page.listen") {
				t.Errorf("%s without a page: %d %s", route, w.Code, w.Body)
			}
		}
	})
}
