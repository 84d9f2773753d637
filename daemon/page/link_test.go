package page

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// A code that is looked at again after the next one keeps its number.
func TestCodesAreCountedOnce(t *testing.T) {
	l := newLinks().get("token", claim{until: time.Now().Add(time.Hour)})
	one := client.Login{ID: "a", Code: 1, URL: "https://example.net/1"}
	two, ended := one, one
	two.ID, two.URL, ended.URL = "b", "https://example.net/2", ""
	for _, tt := range []struct {
		login client.Login
		want  int
	}{{one, 1}, {one, 1}, {two, 2}, {one, 1}, {two, 2}, {ended, 2}} {
		if got := l.count(tt.login); got != tt.want {
			t.Errorf("%+v is number %d, want %d", tt.login, got, tt.want)
		}
	}
	if left := l.codesLeft(); left != maxCodes-2 {
		t.Errorf("%d codes are left", left)
	}
}
