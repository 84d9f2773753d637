//go:build unix

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/input/inputtest"
)

// TestPasted takes over what people paste and export, from a file and from a pipe:
// what is read gives the very bytes of the session back in every export, and what
// is refused is refused before the site is asked.
func TestPasted(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	g, second := s.grant(mid), s.grant(stranger)
	values := map[string]string{
		"S": g.SESSDATA, "J": g.cookies["bili_jct"], "M": g.cookies["DedeUserID"], "R": g.RefreshToken, "B3": "0A1B2C3D-0000-1111-2222-333344445555012345infoc",
		"S2": second.SESSDATA, "J2": second.cookies["bili_jct"], "M2": second.cookies["DedeUserID"],
	}
	for i, tt := range inputtest.Pasted(t, values) {
		t.Run(tt.Name, func(t *testing.T) {
			text := string(tt.Bytes())
			for way, take := range map[string]func(name string) result{
				"file": func(name string) result { return s.importText(name, text) },
				"pipe": func(name string) result { return piped(t, s.config, text, "import", "-", "--account", name) },
			} {
				if (way == "file") == (i%2 == 0) && !strings.HasPrefix(tt.Encoding, "utf-16") {
					continue // each text one way; bytes that are no UTF-8 both ways
				}
				name := fmt.Sprintf("%s-%d", way, i)
				asked := len(s.site.Log())
				r := take(name)
				for _, value := range []string{g.SESSDATA, g.RefreshToken, values["J"]} {
					if strings.Contains(r.stderr+r.stdout, value) {
						t.Errorf("%s: a value was repeated:\n%s", way, r.stderr)
					}
				}
				if r.code != 0 {
					if !strings.Contains(tt.Want, "refuse") || r.code != 2 || len(s.site.Log()) != asked {
						t.Errorf("%s: exit code %d, want %s; the site was asked %d times\n%s", way, r.code, tt.Want, len(s.site.Log())-asked, r.stderr)
					}
					continue
				}
				if strings.HasPrefix(tt.Want, "refuse") {
					t.Errorf("%s: it was taken, want %s\n%s", way, tt.Want, r.stderr)
				}
				s.wantExports(t, name, g)
				if refreshable := strings.Contains(r.stderr, "It can be refreshed."); refreshable != (tt.Want == "read, refreshable") {
					t.Errorf("%s: refreshable %t, want %s", way, refreshable, tt.Want)
				}
				s.wantCode(0, "forget", name)
			}
		})
	}
}

// wantExports looks at the session in each form that a tool reads.
func (s *stage) wantExports(t *testing.T, name string, g grant) {
	t.Helper()
	header := s.wantCode(0, "get", name).stdout
	for _, pair := range []string{"SESSDATA=" + g.SESSDATA, "DedeUserID=" + g.cookies["DedeUserID"]} {
		if !strings.Contains(header, pair) {
			t.Errorf("%s: %s is not in the header", name, pair[:strings.Index(pair, "=")])
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(s.wantCode(0, "get", name, "--format", "netscape").stdout), "\n") {
		if fields := strings.Split(line, "\t"); line != "" && line[0] != '#' && (len(fields) != 7 || !strings.HasSuffix(fields[0], "bilibili.com")) {
			t.Errorf("%s: a line of its own in cookies.txt: %q", name, line)
		}
	}
}
