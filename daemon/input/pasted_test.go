package input_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/input/inputtest"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
)

// pasted are the texts with the values of this package's tests.
func pasted(t testing.TB) []inputtest.Paste {
	t.Helper()
	return inputtest.Pasted(t, map[string]string{
		"S": sessdata, "J": csrf, "M": "100200300", "R": token, "B3": buvid3,
		"S2": "5e6f7a8b%2C1799999998%2Ca1b2c*93CjExampleOther", "J2": "00000000000000000000000000000002", "M2": "400500600",
	})
}

func pastedTexts(t testing.TB) (texts []string) {
	for _, tt := range pasted(t) {
		texts = append(texts, tt.Text)
	}
	return texts
}

// TestPasted: what people paste and export, from the tools and the browsers that
// they use. What cannot be read whole is refused, and never half read.
func TestPasted(t *testing.T) {
	for _, tt := range pasted(t) {
		t.Run(tt.Name, func(t *testing.T) {
			l, err := parse(t, input.Auto, string(tt.Bytes()))
			switch {
			case tt.Want == "refuse: several":
				if !errors.Is(err, input.ErrSeveral) {
					t.Errorf("%v", err)
				}
				return
			case tt.Want == "refuse":
				if !errors.Is(err, input.ErrDamaged) {
					t.Errorf("%v", err)
				}
				return
			case err != nil && strings.Contains(tt.Want, "refuse"):
				return
			case err != nil:
				t.Fatalf("%v", err)
			}
			wantWhole(t, l, tt.Want)
		})
	}
}

// wantWhole looks at a login that was read: SESSDATA byte for byte, and nothing
// that is no cookie of the site.
func wantWhole(t *testing.T, l input.Login, want string) {
	t.Helper()
	wanted := map[string]string{"SESSDATA": sessdata, "bili_jct": csrf, "DedeUserID": "100200300", "buvid3": buvid3}
	for _, c := range l.Cookies {
		if v, ok := wanted[c.Name]; !ok || c.Value.Reveal() != v {
			t.Errorf("a cookie %q is among them, or changed", c.Name)
		}
		if cookie.CheckName(c.Name) != nil || cookie.CheckValue(c.Value.Reveal()) != nil || cookie.CheckPath(c.Path) != nil || !strings.HasSuffix(c.Domain, "bilibili.com") {
			t.Errorf("%q cannot be handed on", c.Name)
		}
	}
	if _, ok := cookie.Find(l.Cookies, "SESSDATA"); !ok {
		t.Error("no SESSDATA")
	}
	if _, csrf := cookie.Find(l.Cookies, "bili_jct"); csrf && strings.Contains(want, "without bili_jct") {
		t.Errorf("bili_jct is there: %t", csrf)
	}
	if has := !l.RefreshToken.IsZero(); has != (want == "read, refreshable") {
		t.Errorf("a refresh token: %t, want %q", has, want)
	}
}

// What stands beside a login is not the site's to see.
func TestOtherSecretsStayOut(t *testing.T) {
	for _, text := range []string{
		"API_TOKEN=hunter2\nSESSDATA=" + sessdata + "\nbili_jct=" + csrf + "\nDedeUserID=100200300\n",
		"SESSDATA=" + sessdata + "; bili_jct=" + csrf + "; DedeUserID=100200300\nDB_PASSWORD=hunter2\n",
		"export API_TOKEN=hunter2\r\nSESSDATA=" + sessdata + "\r\nbili_jct=" + csrf + "\r\nDedeUserID=100200300\r\n",
		"[Service]\nEnvironment=API_TOKEN=hunter2\nEnvironment=SESSDATA=" + sessdata + "\nEnvironment=bili_jct=" + csrf + "\nEnvironment=DedeUserID=100200300\n",
		"services:\n  x:\n    environment:\n      - API_TOKEN=hunter2\n      - SESSDATA=" + sessdata + "\n      - bili_jct=" + csrf + "\n      - DedeUserID=100200300\n",
	} {
		l, err := parse(t, input.Auto, text)
		if err != nil {
			t.Errorf("%v", err)
		}
		wantWhole(t, l, "")
		if len(l.Cookies) != 3 {
			t.Errorf("%d cookies of %q", len(l.Cookies), text[:12])
		}
	}
}
