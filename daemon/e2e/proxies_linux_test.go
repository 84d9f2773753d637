package e2e_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	proxyUser     = "somebody"
	proxyPassword = "sample-password-91c2"
)

// hop is a proxy that leaves the machine by an address of its own, so that the site
// sees who came by it.
type hop struct {
	listener net.Listener
	from     string
	serve    func(h *hop, c net.Conn)

	mu     sync.Mutex // guards what follows
	deny   bool       // every request, as one that wants another password
	opened map[net.Conn]bool
}

// newHop runs one, behind TLS where there are certificates.
func newHop(t *testing.T, from string, serve func(*hop, net.Conn), certificates ...tls.Certificate) *hop {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if len(certificates) > 0 {
		l = tls.NewListener(l, &tls.Config{Certificates: certificates})
	}
	h := &hop{listener: l, from: from, serve: serve, opened: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.opened[c] = true
			h.mu.Unlock()
			go func() {
				defer func() {
					_ = c.Close()
					h.mu.Lock()
					delete(h.opened, c)
					h.mu.Unlock()
				}()
				h.serve(h, c)
			}()
		}
	}()
	t.Cleanup(h.close)
	return h
}

func (h *hop) host() string { return h.listener.Addr().String() }

// close ends the proxy with all that goes through it.
func (h *hop) close() {
	_ = h.listener.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.opened {
		_ = c.Close()
	}
}

func (h *hop) denies(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deny = yes
}

func (h *hop) accepts(user, password string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.deny && user == proxyUser && password == proxyPassword
}

// join connects a client with what it asked for.
func (h *hop) join(c net.Conn, rest io.Reader, address, granted string) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(h.from)}, Timeout: 5 * time.Second}
	to, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = io.WriteString(c, granted)
	go func() {
		_, _ = io.Copy(to, rest)
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, to)
}

// serveConnect speaks HTTP's CONNECT.
func serveConnect(h *hop, c net.Conn) {
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
	switch {
	case !h.accepts(user, password):
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	case r.Method != http.MethodConnect:
		_, _ = io.WriteString(c, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
	default:
		h.join(c, in, r.Host, "HTTP/1.1 200 Connection established\r\n\r\n")
	}
}

// serveSOCKS speaks SOCKS5 with a user and a password (RFC 1928, RFC 1929).
func serveSOCKS(h *hop, c net.Conn) {
	in := bufio.NewReader(c)
	next := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(in, b)
		return b
	}
	next(int(next(2)[1]))
	_, _ = c.Write([]byte{5, 2})
	user := string(next(int(next(2)[1])))
	password := string(next(int(next(1)[0])))
	if !h.accepts(user, password) {
		_, _ = c.Write([]byte{1, 1})
		return
	}
	_, _ = c.Write([]byte{1, 0})
	head := next(4)
	var host string
	switch head[3] {
	case 1:
		host = net.IP(next(4)).String()
	case 3:
		host = string(next(int(next(1)[0])))
	default:
		return
	}
	port := next(2)
	h.join(c, in, net.JoinHostPort(host, fmt.Sprint(int(port[0])<<8|int(port[1]))), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
}

// ways is the site over TLS, which notes by which address each account came.
type ways struct {
	inner http.Handler

	mu     sync.Mutex // guards what follows
	seen   map[string]map[string]int
	paths  map[string]map[string]bool
	blocks string // the address that is answered with 412
}

func (w *ways) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	who := "nobody"
	if c, err := r.Cookie("DedeUserID"); err == nil {
		who = c.Value
	}
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	w.mu.Lock()
	if w.seen[who] == nil {
		w.seen[who] = map[string]int{}
	}
	if w.paths[from] == nil {
		w.paths[from] = map[string]bool{}
	}
	w.seen[who][from]++
	w.paths[from][r.URL.Path] = true
	blocked := w.blocks == from
	w.mu.Unlock()
	if blocked {
		rw.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	w.inner.ServeHTTP(rw, r)
}

func (w *ways) block(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocks = address
}

// proxiesStage is a keeper with three accounts that have a proxy each: of HTTP, of
// SOCKS5, and of HTTP behind TLS.
func proxiesStage(t *testing.T) (*stage, *ways, map[string]*hop) {
	t.Helper()
	s := newStage(t, nil)
	w := &ways{inner: s.front.site(s.site), seen: map[string]map[string]int{}, paths: map[string]map[string]bool{}}
	s.siteServer.Close()
	s.siteServer = httptest.NewTLSServer(w)
	quiet(s.siteServer)
	root := filepath.Join(s.dir, "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.siteServer.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", root)
	of := map[string]*hop{
		"connect": newHop(t, "127.0.0.2", serveConnect), "socks": newHop(t, "127.0.0.3", serveSOCKS),
		"secure": newHop(t, "127.0.0.4", serveConnect, s.siteServer.TLS.Certificates...),
	}
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.secrets(map[string]string{"socks.url": fmt.Sprintf("socks5://%s:%s@%s", proxyUser, proxyPassword, of["socks"].host())})
	for name, scheme := range map[string]string{"connect": "http", "secure": "https"} {
		s.append(fmt.Sprintf("[[account]]\nname = %q\nproxy = \"%s://%s:%s@%s\"\n", name, scheme, proxyUser, proxyPassword, of[name].host()))
	}
	s.append("[[account]]\nname = \"socks\"\nproxy_file = \"socks.url\"\n")
	s.start()
	return s, w, of
}

// loginAs logs an account in.
func (s *stage) loginAs(name string, mid int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	l, err := s.client.StartLogin(ctx, client.LoginRequest{Account: name, Attend: 60})
	if err != nil {
		s.t.Fatal(err)
	}
	s.answer(l.URL, mid)
	for !l.Ended() {
		if l, err = s.client.WaitLogin(ctx, l.ID, l.Revision, time.Second); err != nil {
			s.t.Fatal(err)
		}
	}
	if l.State != client.LoginSucceeded {
		s.t.Fatalf("the login of %s is %s: %s", name, l.State, l.Detail)
	}
}

// Every request of an account goes by its own proxy, of each kind, and no other's
// does; what one proxy or the site's opinion of it does is nothing to the others.
func TestProxies(t *testing.T) {
	const third, fourth = 700800900, 700800901
	s, w, of := proxiesStage(t)
	s.site.AddUser(third, "third")
	s.site.AddUser(fourth, "fourth")
	for name, id := range map[string]int64{"connect": mid, "socks": stranger, "direct": third, "secure": fourth} {
		s.loginAs(name, id)
		s.wantCode(0, "check", name)
		s.wantCode(0, "refresh", name, "--force")
	}
	w.mu.Lock()
	for who, from := range map[int64]string{mid: "127.0.0.2", stranger: "127.0.0.3", third: "127.0.0.1", fourth: "127.0.0.4"} {
		if got := w.seen[fmt.Sprint(who)]; len(got) != 1 || got[from] == 0 {
			t.Errorf("account %d came by %v, want %s alone", who, got, from)
		}
	}
	all := slices.Sorted(maps.Keys(w.paths["127.0.0.1"]))
	for _, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		if got := slices.Sorted(maps.Keys(w.paths[from])); len(got) < 8 || len(got) != len(all) {
			t.Errorf("by %s were asked for %v, without a proxy %v", from, got, all)
		}
	}
	w.mu.Unlock()

	w.block("127.0.0.2")
	s.wantCode(6, "check", "connect")
	s.wantCode(0, "check", "direct")
	s.wantCode(0, "check", "socks")
	w.block("")
	s.deadProxies(of)
	s.wantCode(0, "logout", "--yes", "direct")
	for _, text := range []string{s.log.String(), s.wantCode(0, "status", "--json").stdout, s.cli("doctor", "--json").stdout, s.wantCode(0, "config", "print").stdout, s.wantCode(0, "events").stdout} {
		for _, secret := range []string{proxyPassword, base64.StdEncoding.EncodeToString([]byte(proxyUser + ":" + proxyPassword))} {
			if strings.Contains(text, secret) {
				t.Error("the proxy's password is told")
			}
		}
	}
	s.stop()
}

// deadProxies looks what is told of proxies that refuse, and of ones that are gone.
func (s *stage) deadProxies(of map[string]*hop) {
	s.t.Helper()
	for name, h := range of {
		h.denies(true)
		r := s.wantCode(6, "check", "--force", name)
		if !strings.Contains(r.stdout+r.stderr, h.host()) {
			s.t.Errorf("a proxy that refuses is not named:\n%s%s", r.stdout, r.stderr)
		}
		h.denies(false)
		s.wantCode(0, "check", "--force", name)
		h.close()
	}
	for name, h := range of {
		r := s.wantCode(6, "check", "--force", name)
		if want := "the proxy " + h.host() + " cannot be reached"; !strings.Contains(r.stdout+r.stderr, want) {
			s.t.Errorf("check does not say that %s:\n%s%s", want, r.stdout, r.stderr)
		}
		for _, args := range [][]string{{"status", name}, {"status", name, "--json"}, {"doctor"}} {
			if r := s.cli(args...); !strings.Contains(r.stdout, h.host()) {
				s.t.Errorf("%s does not name the proxy %s:\n%s%s", strings.Join(args, " "), h.host(), r.stdout, r.stderr)
			}
		}
		if a, err := s.client.Account(s.t.Context(), name); err != nil || a.State != client.StateValid || a.LastCheck == nil || *a.LastCheck != client.CheckUnreachable {
			s.t.Errorf("%s is %+v, %v", name, a, errors.Join(err))
		}
	}
	s.wantCode(0, "check", "direct")
	if text := s.onSocket("/metrics"); strings.Contains(text, `bilikeeper_site_blocked{host="127.0.0.1"} 1`) {
		s.t.Error("the site counts as one that blocks, though proxies are dead")
	}
}
