//go:build consumers

package output_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
)

// site stands for api.bilibili.com: a proxy that answers in its place, over TLS
// because the session's cookie is sent over nothing else. It keeps the Cookie
// headers that arrive.
type site struct {
	address string // of the proxy
	ca      string // the file of its certificate

	mu      sync.Mutex // guards cookies
	cookies []string
}

func newSite(t *testing.T) *site {
	cert, file := certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{address: listener.Addr().String(), ca: file}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, cert)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return s
}

// serve is one connection: CONNECT, TLS, requests.
func (s *site) serve(conn net.Conn, cert tls.Certificate) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	connect, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || connect.Method != http.MethodConnect {
		return
	}
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\n")
	inside := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	in := bufio.NewReader(inside)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.cookies = append(s.cookies, r.Host+" "+strings.Join(r.Header["Cookie"], "; "))
		s.mu.Unlock()
		body := "x"
		if r.Method == http.MethodHead {
			body = ""
		}
		fmt.Fprintf(inside, "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 1\r\n\r\n%s", body)
	}
}

func (s *site) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.cookies
	s.cookies = nil
	return taken
}

func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bilikeeper test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"api.bilibili.com", "example.org"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// withFiles runs a test with a keeper whose account "main" is logged in, and that
// has written a file in each of some formats.
func withFiles(t *testing.T, formats []string, test func(h *keepertest.Fixture, paths map[string]string)) {
	t.Helper()
	dir, paths := t.TempDir(), map[string]string{}
	keepertest.Run(t, func(c *config.Config) {
		for _, f := range formats {
			paths[f] = filepath.Join(dir, f)
			c.Output = append(c.Output, config.Output{Name: f, Account: "main", Format: f, Path: paths[f], Mode: "0600"})
		}
	}, func(h *keepertest.Fixture) {
		h.Site.SetSessionLife(100 * 365 * 24 * time.Hour) // the programs go by the machine's clock
		h.Login("main", keepertest.Mid)
		o := engine.Configured(h.Keeper, h.Config, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = o.Run(ctx) }()
		defer func() { cancel(); <-done }()
		synctest.Wait()
		test(h, paths)
	})
}

const cookieJar = `
import http.cookiejar, ssl, sys, urllib.request
jar = http.cookiejar.MozillaCookieJar(sys.argv[1])
jar.load()
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({'https': 'http://' + sys.argv[2]}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=sys.argv[3])),
    urllib.request.HTTPCookieProcessor(jar))
opener.open(sys.argv[4]).read()
`

// The real programs, given the real files, send what the site set.
func TestConsumers(t *testing.T) {
	s := newSite(t)
	var netscape, header, env string
	var want []string
	withFiles(t, []string{"netscape", "header", "env"}, func(h *keepertest.Fixture, paths map[string]string) {
		netscape, header, env = paths["netscape"], paths["header"], paths["env"]
		want = sorted(h.Keeper.Credentials().Held("main").Cookies)
	})
	proxy := "http://" + s.address
	const url = "https://api.bilibili.com/x/web-interface/nav.mp4"
	const elsewhere = "https://example.org/x.mp4"
	tests := []struct {
		name    string
		bound   bool // the file says for which hosts the cookies are
		command func(url string) *exec.Cmd
	}{
		{"curl", true, func(url string) *exec.Cmd {
			return exec.Command("curl", "-sS", "-o", os.DevNull, "--proxy", proxy, "--cacert", s.ca, "-b", netscape, url)
		}},
		{"wget", true, func(url string) *exec.Cmd {
			cmd := exec.Command("wget", "-q", "-O", os.DevNull, "--ca-certificate", s.ca, "--load-cookies", netscape, url)
			cmd.Env = append(os.Environ(), "https_proxy="+proxy)
			return cmd
		}},
		{"python3 http.cookiejar", true, func(url string) *exec.Cmd {
			return exec.Command("python3", "-c", cookieJar, netscape, s.address, s.ca, url)
		}},
		{"yt-dlp", true, func(url string) *exec.Cmd {
			// A copy, because it rewrites the file.
			return exec.Command("sh", "-c", `cp "$1" "$1.copy" && exec yt-dlp --ignore-config --no-check-certificates --simulate --proxy "$2" --cookies "$1.copy" "$3"`, "sh", netscape, proxy, url)
		}},
		{"gallery-dl", true, func(url string) *exec.Cmd {
			return exec.Command("gallery-dl", "--config-ignore", "--no-check-certificate", "--proxy", proxy, "--cookies", netscape, "-D", t.TempDir(), url)
		}},
		{"streamlink", false, func(url string) *exec.Cmd {
			// This version takes cookies one at a time; env is what a script has.
			cmd := exec.Command("sh", "-c", `eval "$(cat "$1")"; IFS=';'; set -f; for c in $BILIBILI_COOKIE; do set -- "$@" --http-cookie "${c# }"; done; shift
				proxy=$1 url=$2; shift 2; exec streamlink --http-proxy "$proxy" "$@" -o /dev/null --force "httpstream://$url" best`, "sh", env, proxy, url)
			cmd.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+s.ca)
			return cmd
		}},
		{"curl with a header", false, func(url string) *exec.Cmd {
			return exec.Command("sh", "-c", `exec curl -sS -o /dev/null --proxy "$2" --cacert "$3" -b "$(cat "$1")" "$4"`, "sh", header, proxy, s.ca, url)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(strings.Fields(tt.name)[0]); err != nil {
				t.Skip(err)
			}
			s.take()
			said, err := tt.command(url).CombinedOutput()
			got := s.take()
			if len(got) == 0 {
				t.Fatalf("it asked for nothing: %v, %s", err, said)
			}
			if cookies := strings.TrimPrefix(got[0], "api.bilibili.com "); !slices.Equal(pairs(cookies), want) {
				t.Errorf("the site got %q\nwant %q (%v, %s)", pairs(cookies), want, err, said)
			}
			if !tt.bound {
				return
			}
			_, _ = tt.command(elsewhere).CombinedOutput()
			got = s.take()
			if len(got) == 0 || strings.Contains(strings.Join(got, ""), "=") {
				t.Errorf("another host got %q", got)
			}
		})
	}
}

func sorted(cookies []cookie.Cookie) []string {
	var all []string
	for _, k := range cookies {
		all = append(all, k.Name+"="+k.Value.Reveal())
	}
	slices.Sort(all)
	return all
}

func pairs(header string) []string {
	all := strings.Split(strings.TrimSuffix(header, ";"), "; ")
	slices.Sort(all)
	return all
}

// yt-dlp rewrites the file that it is given. What it leaves is put right at the
// next change, and holds the session until then.
func TestRewrittenByConsumer(t *testing.T) {
	if _, err := exec.LookPath("yt-dlp"); err != nil {
		t.Skip(err)
	}
	s := newSite(t)
	withFiles(t, []string{"netscape"}, func(h *keepertest.Fixture, paths map[string]string) {
		before, err := os.ReadFile(paths["netscape"])
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("yt-dlp", "--ignore-config", "--no-check-certificates", "--simulate", "--proxy", "http://"+s.address, "--cookies", paths["netscape"],
			"https://api.bilibili.com/x.mp4").CombinedOutput()
		if err != nil {
			t.Fatalf("%v, %s", err, out)
		}
		after, err := os.ReadFile(paths["netscape"])
		if err != nil || string(after) == string(before) || !strings.Contains(string(after), h.SESSDATA()) {
			t.Errorf("%v: it left %s", err, after)
		}
		h.Refresh(true)
		synctest.Wait()
		want, err := output.Render("netscape", h.Keeper.Credentials().Held("main"), output.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(paths["netscape"]); err != nil || string(got) != string(want.Body) {
			t.Errorf("%v: got %s", err, got)
		}
	})
}
