//go:build proxies

package e2e_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
)

const (
	frontHost = "keeper.example.net"
	// frontIdle is when the proxies close a connection on which nothing comes, and
	// streamFor how long a stream is wanted to live all the same. Proxies wait for
	// sixty seconds as a rule.
	frontIdle = 20 * time.Second
	streamFor = 65 * time.Second
)

// frontend is a reverse proxy of Debian's, and the parts of its configuration that
// differ.
type frontend struct {
	name string
	args func(dir string) []string
	// whole serves the page at the root, stripped and kept at /tools/, without and
	// with that path passed on.
	whole, stripped, kept string
}

var frontends = []frontend{
	{
		name: "nginx", args: func(dir string) []string { return []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf")} },
		whole:    "location / { proxy_pass http://KEEPER; PASS }",
		stripped: "location /tools/ { proxy_pass http://KEEPER/; PASS }",
		kept:     "location /tools/ { proxy_pass http://KEEPER; PASS }",
	},
	{
		name: "caddy", args: func(dir string) []string {
			return []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "caddy.conf")}
		},
		whole:    "handle { PASS }",
		stripped: "handle_path /tools/* { PASS }",
		kept:     "handle /tools/* { PASS }",
	},
	{
		name: "haproxy", args: func(dir string) []string { return []string{"-db", "-f", filepath.Join(dir, "haproxy.conf")} },
		stripped: `http-request replace-path /tools/(.*) /\1`,
	},
}

// configuration is the proxy's, with a way of the three.
func (f frontend) configuration(dir, listen, keeper, way string) string {
	port := listen[strings.LastIndexByte(listen, ':')+1:]
	text := map[string]string{
		"nginx": `user root;
daemon off;
pid DIR/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	server {
		listen LISTEN ssl;
		server_name HOST;
		ssl_certificate DIR/cert.pem;
		ssl_certificate_key DIR/key.pem;
		WAY
	}
}
`,
		"caddy": `{
	admin off
	auto_https off
}
https://HOST:PORT {
	bind 127.0.0.1
	tls DIR/cert.pem DIR/key.pem
	WAY
}
`,
		"haproxy": `defaults
	mode http
	timeout connect 5s
	timeout client IDLEs
	timeout server IDLEs
	option forwardfor
frontend tls
	bind LISTEN ssl crt DIR/both.pem
	WAY
	default_backend keeper
backend keeper
	server keeper KEEPER
`,
	}[f.name]
	pass := map[string]string{
		"nginx": "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_read_timeout IDLEs;",
		"caddy": "\n\t\treverse_proxy KEEPER {\n\t\t\ttransport http {\n\t\t\t\tread_timeout IDLEs\n\t\t\t}\n\t\t}\n\t",
	}[f.name]
	text = strings.ReplaceAll(strings.ReplaceAll(text, "WAY", way), "PASS", pass)
	return strings.NewReplacer("DIR", dir, "LISTEN", listen, "HOST", frontHost, "PORT", port, "KEEPER", keeper,
		"IDLE", fmt.Sprint(int(frontIdle/time.Second))).Replace(text)
}

// start runs the proxy until the test ends.
func (f frontend) start(t *testing.T, dir, listen, keeper, way string) {
	t.Helper()
	program, err := exec.LookPath(f.name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not here", f.name)
	}
	if err := os.WriteFile(filepath.Join(dir, f.name+".conf"), []byte(f.configuration(dir, listen, keeper, way)), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, f.args(dir)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(environment(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir), &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("%s says\n%s", f.name, log.String())
		}
	})
	until(t, f.name+" listens", func() bool {
		select {
		case <-done:
			t.Fatalf("%s has ended: %s", f.name, log.String())
		default:
		}
		c, err := net.DialTimeout("tcp", listen, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// What the documentation says to write is what is tested.
func TestFrontendsOfTheDocumentation(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```(nginx|caddy|haproxy)\n(.*?)```")
	for _, file := range []string{"../../docs/logins.md", "../../docs/zh-CN/logins.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := blocks.FindAllStringSubmatch(string(text), -1)
		if len(found) != len(frontends) {
			t.Errorf("%s shows %d proxies", file, len(found))
		}
		for _, block := range found {
			f := frontends[slices.IndexFunc(frontends, func(f frontend) bool { return f.name == block[1] })]
			configuration := f.configuration("dir", "127.0.0.1:443", "127.0.0.1:7331", f.whole)
			for line := range strings.Lines(block[2]) {
				line = strings.Trim(line, " \t\n")
				if strings.HasSuffix(line, "{") || strings.HasPrefix(line, "bind ") {
					continue // where it stands is another matter than what it says
				}
				if !strings.Contains(configuration, line) {
					t.Errorf("%s says of %s %q, which is not tested", file, f.name, line)
				}
			}
		}
	}
}

// The page works behind each proxy: a browser signs in and keeps its cookie over
// TLS, streams live on, and the limits count who is in front of the proxy.
func TestFrontends(t *testing.T) {
	for _, f := range frontends {
		for _, tt := range []struct{ name, path, way string }{
			{"whole", "", f.whole}, {"stripped", "/tools", f.stripped}, {"kept", "/tools", f.kept},
		} {
			t.Run(f.name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				listen, base, s, roots := frontedStage(t, tt.path)
				keeper := pageAddress(t, s)
				f.start(t, s.dir, listen, keeper, tt.way)
				s.login(mid)
				own := newPhone(t, base, listen, "127.0.0.7", roots)
				own.forge = "203.0.113.9"
				streams := signIn(t, s, own, tt.path)
				use(t, s, own)
				loginPage(t, s, own)
				passwords(t, s, base, listen, roots)
				if tt.path == "" {
					live(t, s, streams)
				}
				s.stop()
			})
		}
	}
}

// frontedStage is a keeper whose public address is a proxy's.
func frontedStage(t *testing.T, path string) (listen, base string, s *stage, roots *x509.CertPool) {
	t.Helper()
	listen = porttest.Address(t)
	base = "https://" + frontHost + listen[strings.LastIndexByte(listen, ':'):] + path
	s = newStage(t, nil)
	roots = certificate(t, s.dir)
	s.configure(settings{schedule: "@every 1h"})
	s.secrets(map[string]string{"page.password": pagePassword})
	s.append(fmt.Sprintf("[page]\nlisten = \"127.0.0.1:0\"\npublic_url = %q\npassword_file = \"page.password\"\n", base))
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, append([]byte("trusted_proxies = [\"127.0.0.1\"]\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	return listen, base, s, roots
}

// pageAddress starts the keeper and returns where its page listens.
func pageAddress(t *testing.T, s *stage) string {
	t.Helper()
	s.start()
	return strings.TrimPrefix(s.listening("serving the login page", 1), "http://")
}

// signIn signs a browser in by a link, and opens its stream.
func signIn(t *testing.T, s *stage, own *phone, path string) <-chan string {
	t.Helper()
	link := strings.TrimSpace(s.wantCode(0, "page", "link").stdout)
	if !strings.HasPrefix(link, own.base+"/sign-in/") {
		t.Fatalf("the link is %s, not below %s", link, own.base)
	}
	got := own.do(link, nil)
	if got.StatusCode != http.StatusOK || len(got.Cookies()) != 1 {
		t.Fatalf("the link: %d %v\n%s", got.StatusCode, got.Cookies(), got.text)
	}
	c := got.Cookies()[0]
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != path+"/" || c.Domain != "" {
		t.Errorf("the cookie is %s", c)
	}
	if list := s.wantCode(0, "page", "sessions").stdout; !strings.Contains(list, "127.0.0.7") || strings.Contains(list, own.forge) {
		t.Errorf("the sessions are\n%s", list)
	}
	return own.stream(own.base + "/live")
}

// use goes through the documents, and what they load, and sends a form.
func use(t *testing.T, s *stage, own *phone) {
	t.Helper()
	list := own.do(own.base+"/", nil)
	proof := regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(list.text)
	if list.StatusCode != http.StatusOK || proof == nil {
		t.Fatalf("the list: %d\n%s", list.StatusCode, list.text)
	}
	detail := own.do(own.base+"/accounts/"+account, nil)
	for _, document := range []answer{list, detail} {
		loaded := regexp.MustCompile(`(?:src|href)="([^"]*assets/[^"]+)"`).FindAllStringSubmatch(document.text, -1)
		if len(loaded) < 2 {
			t.Errorf("%s loads %v", document.Request.URL, loaded)
		}
		for _, at := range loaded {
			target, err := document.Request.URL.Parse(at[1])
			if err != nil {
				t.Fatal(err)
			}
			if got := own.do(target.String(), nil); got.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", target, got.StatusCode)
			}
		}
	}
	if got := own.do(own.base+"/accounts/"+account+"/check", url.Values{"proof": {proof[1]}}); got.StatusCode != http.StatusOK || !strings.Contains(got.Request.URL.Path, "/accounts/"+account) {
		t.Errorf("the form leads to %s: %d", got.Request.URL, got.StatusCode)
	}
	if n := len(s.events(client.EventCheckOK)); n == 0 {
		t.Error("the form has done nothing")
	}
}

// loginPage opens the pushed link with its stream and its picture.
func loginPage(t *testing.T, s *stage, own *phone) {
	t.Helper()
	s.site.Kill(mid)
	s.cli("check", account)
	link := s.message(client.EventLoginCode, 1).Login.PageURL
	page := own.do(link, nil)
	if !strings.HasPrefix(link, own.base+"/l/") || page.StatusCode != http.StatusOK {
		t.Fatalf("the pushed link %s: %d", link, page.StatusCode)
	}
	wantLine(t, own.stream(link+"/events"), "data: ")
	proof := regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(page.text)
	if proof == nil {
		t.Fatalf("no form on\n%s", page.text)
	}
	started := own.do(link+"/start", url.Values{"proof": {proof[1]}})
	picture := regexp.MustCompile(`<img src="([^"]+)"`).FindStringSubmatch(started.text)
	if picture == nil || started.StatusCode != http.StatusOK {
		t.Fatalf("no code at %s: %d\n%s", started.Request.URL, started.StatusCode, started.text)
	}
	at, err := started.Request.URL.Parse(strings.ReplaceAll(picture[1], "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	s.answer(decodeQR(t, []byte(own.do(at.String(), nil).text)), mid)
	s.message(client.EventLoginSucceeded, 2)
}

// passwords guesses from one address, with a made-up one each time, and knows the
// password at another.
func passwords(t *testing.T, s *stage, base, listen string, roots *x509.CertPool) {
	t.Helper()
	guesser, owner := newPhone(t, base, listen, "127.0.0.8", roots), newPhone(t, base, listen, "127.0.0.9", roots)
	last := 0
	for i := range 12 {
		guesser.forge = fmt.Sprintf("203.0.113.%d", i)
		last = guesser.do(base+"/sign-in", url.Values{"password": {fmt.Sprint("guess ", i)}}).StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after twelve guesses: %d", last)
	}
	if got := owner.do(base+"/sign-in", url.Values{"password": {pagePassword}}); got.StatusCode != http.StatusOK || len(got.Cookies()) != 1 {
		t.Errorf("the right password: %d", got.StatusCode)
	}
	if list := s.wantCode(0, "page", "sessions").stdout; !strings.Contains(list, "127.0.0.9") {
		t.Errorf("the sessions are\n%s", list)
	}
}

// live wants a stream to outlive the time after which the proxy closes it, and then
// to bring what happens at once.
func live(t *testing.T, s *stage, lines <-chan string) {
	t.Helper()
	over := time.After(streamFor)
	for done := false; !done; {
		select {
		case _, more := <-lines:
			if !more {
				t.Fatal("the proxy has closed the stream")
			}
		case <-over:
			done = true
		}
	}
	begun := time.Now()
	s.wantCode(0, "check", "--force", account)
	wantLine(t, lines, "event: changed")
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the change came after %s", took)
	}
}
