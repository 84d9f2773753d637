//go:build unix

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// also adds lines to a section of the configuration.
func (s *stage) also(section, lines string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("["+section+"]\n"), []byte("["+section+"]\n"+lines+"\n"), 1)
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// append adds sections to the end of the configuration.
func (s *stage) append(lines string) {
	s.t.Helper()
	f, err := os.OpenFile(s.config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = f.WriteString("\n" + lines)
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// TestInternational logs in to the other site, in each way that it completes a
// login, by the command line.
func TestInternational(t *testing.T) {
	t.Parallel()
	tests := []struct {
		flow     passporttest.IntlFlow
		platform string
		code     int
	}{
		{passporttest.IntlPlain, "web", 0},
		{passporttest.IntlSSO, "web", 0},
		{passporttest.IntlGoURL, "web", 0},
		{passporttest.IntlLate, "web", 0},
		{passporttest.IntlPlain, "tv", 0},
		{passporttest.IntlUntrusted, "web", 1},
	}
	for _, tt := range tests {
		t.Run(string(tt.flow)+" "+tt.platform, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.configure(settings{})
			s.also("login", fmt.Sprintf("intl_platform = %q", tt.platform))
			s.site.Intl.SetFlow(tt.flow)
			s.start()
			login := s.startLogin("--site", "intl")
			s.answer(login.url(t), mid)
			if code := login.end(); code != tt.code {
				t.Fatalf("login ended with %d, want %d: %s", code, tt.code, login.stderr.String())
			}
			a := s.account()
			if tt.code != 0 {
				if a.State != client.StateNew || a.Generation != 0 {
					t.Errorf("after the refusal: %+v", a)
				}
				return
			}
			if a.State != client.StateValid || a.Site != "intl" || a.Refreshable {
				t.Errorf("after the login: %+v", a)
			}
			if netscape := s.get("--format", "netscape"); !strings.Contains(netscape, ".bilibili.tv\t") {
				t.Error("the cookies are not those of the international site")
			}
			s.wantCode(5, "refresh", account) // there is no refresh, so it is a login that it needs
			s.wantCode(0, "logout", account)
		})
	}
}

const phoneNumber = "13800000000"

// typist is somebody at the terminal of a login by SMS.
type typist struct {
	t      *testing.T
	s      *stage
	cmd    *exec.Cmd
	in     io.WriteCloser
	stdout logbook
	stderr logbook
}

func (s *stage) smsLogin(t *testing.T) *typist {
	t.Helper()
	p := &typist{t: t, s: s, cmd: exec.CommandContext(t.Context(), binary, "--config", s.config, "login", account, "--method", "sms")}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(), &p.stdout, &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// types waits until the n-th question of a kind was asked, and answers it.
func (p *typist) types(question string, n int, answer string) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("question %d of %q in %s", n, question, p.stderr.String()), func() bool {
		return strings.Count(p.stderr.String(), question) >= n
	})
	if _, err := io.WriteString(p.in, answer+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

var challenge = regexp.MustCompile(`challenge  ([0-9a-f]+)`)

// solves enters the number and what the widget says of the n-th captcha.
func (p *typist) solves(n int, right bool) {
	p.t.Helper()
	p.types("calling code", n, "")
	p.types("Phone number", n, phoneNumber)
	until(p.t, "the captcha", func() bool { return len(challenge.FindAllString(p.stderr.String(), -1)) >= n })
	validate := "nonsense"
	if right {
		found := challenge.FindAllStringSubmatch(p.stderr.String(), -1)
		validate, _ = passporttest.SolveCaptcha(found[n-1][1])
	}
	p.types("validate, as", n, validate)
	if right {
		until(p.t, "the message", func() bool { return p.s.site.SMS.Code(phoneNumber) != "" })
	}
}

func (p *typist) end() int {
	_ = p.in.Close()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// TestSMS goes through the dialogue in the terminal, its failures included,
// with both pairs of the site's endpoints.
func TestSMS(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"current", "legacy"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.configure(settings{})
			s.also("login", fmt.Sprintf("sms_api = %q", api))
			s.site.SMS.AddPhone(mid, phoneNumber)
			s.start()
			p := s.smsLogin(t)
			p.solves(1, false)
			p.solves(2, true)
			p.types("The code from the message", 1, "000000")
			until(t, "the refusal of a wrong code", func() bool { return strings.Contains(p.stderr.String(), "the code is wrong") })
			p.types("The code from the message", 2, s.site.SMS.Code(phoneNumber))
			if code := p.end(); code != 0 {
				t.Fatalf("login ended with %d: %s", code, p.stderr.String())
			}
			a := s.account()
			if a.State != client.StateValid || *a.Mid != mid || a.Refreshable != (api == "current") {
				t.Errorf("after the login: %+v", a)
			}
			if said := p.stdout.String() + p.stderr.String() + s.log.String(); strings.Contains(s.log.String(), phoneNumber) || strings.Contains(said, "SESSDATA") {
				t.Error("the number or the cookie was told to somebody")
			}
		})
	}
}

// TestSMSWantsMore: a further verification is the person's to do, and a number
// without an account gets none here.
func TestSMSWantsMore(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.site.SMS.AddPhone(mid, phoneNumber)
	s.site.SMS.SetVerification(mid, 2)
	s.start()
	p := s.smsLogin(t)
	p.solves(1, true)
	p.types("The code from the message", 1, s.site.SMS.Code(phoneNumber))
	if code := p.end(); code != 1 || !strings.HasPrefix(p.stdout.String(), "https://") {
		t.Errorf("ended with %d, printed %q, said %s", code, p.stdout.String(), p.stderr.String())
	}
	if a := s.account(); a.State != client.StateNew {
		t.Errorf("afterwards: %+v", a)
	}
}
