package email

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// server is a small mail server. Its fields are set before it is used.
type server struct {
	listener net.Listener
	tls      *tls.Config
	// offers are the extensions, without STARTTLS; answers replace the answer to
	// a verb or a whole line, "." being the end of the mail.
	offers  []string
	answers map[string]string
	hang    string // the verb that is never answered
	reached chan struct{}

	mu     sync.Mutex // guards all below
	said   []string
	mails  []string
	logins []string
	secure []bool
}

func startServer(t *testing.T, s *server) *server {
	t.Helper()
	// The certificate of httptest is for 127.0.0.1.
	web := httptest.NewTLSServer(nil)
	s.tls = &tls.Config{Certificates: web.TLS.Certificates}
	web.Close()
	s.reached = make(chan struct{}, 1)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.talk(conn, false) })
		}
	})
	t.Cleanup(func() {
		_ = s.listener.Close()
		wg.Wait()
	})
	return s
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// talk speaks SMTP until the other side leaves.
func (s *server) talk(conn net.Conn, secured bool) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = conn.Write([]byte(line + "\r\n")) }
	if !secured {
		say(s.answer("", "220 ready"))
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.note(verb)
		if verb == s.hang {
			s.reached <- struct{}{}
			_, _ = in.ReadString('\n')
			return
		}
		switch verb {
		case "EHLO":
			say(s.greeting(secured))
		case "STARTTLS":
			say("220 go ahead")
			s.talk(tls.Server(conn, s.tls), true)
			return
		case "AUTH":
			way, initial, _ := strings.Cut(rest, " ")
			if way == "LOGIN" {
				say("334 VXNlcm5hbWU6")
				user, _ := in.ReadString('\n')
				say("334 UGFzc3dvcmQ6")
				password, _ := in.ReadString('\n')
				initial = strings.TrimSpace(user) + " " + strings.TrimSpace(password)
			}
			s.keep(&s.logins, way+" "+decode(initial))
			say(s.answer(verb, "235 welcome"))
		case "DATA":
			answer := s.answer(verb, "354 go ahead")
			say(answer)
			if strings.HasPrefix(answer, "3") {
				s.take(in, secured)
				say(s.answer(".", "250 queued"))
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say(s.answer(strings.TrimSpace(line), s.answer(verb, "250 ok")))
		}
	}
}

func (s *server) greeting(secured bool) string {
	lines := append([]string{"mail.example.net"}, s.offers...)
	if !secured && s.tls != nil && !strings.Contains(strings.Join(s.offers, " "), "NOTLS") {
		lines = append(lines, "STARTTLS")
	}
	for i := range lines[:len(lines)-1] {
		lines[i] = "250-" + lines[i]
	}
	lines[len(lines)-1] = "250 " + lines[len(lines)-1]
	return strings.Join(lines, "\r\n")
}

func (s *server) answer(verb, usual string) string {
	if a, ok := s.answers[verb]; ok {
		return a
	}
	return usual
}

func (s *server) note(verb string) { s.keep(&s.said, verb) }

func (s *server) keep(list *[]string, item string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, item)
}

func (s *server) take(in *bufio.Reader, secured bool) {
	var mail strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		mail.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails, s.secure = append(s.mails, mail.String()), append(s.secure, secured)
}

// decode shows what a login was made of.
func decode(words string) string {
	var out []string
	for word := range strings.FieldsSeq(words) {
		text, err := base64.StdEncoding.DecodeString(word)
		if err != nil {
			return words
		}
		out = append(out, strings.ReplaceAll(string(text), "\x00", "|"))
	}
	return strings.Join(out, "|")
}
