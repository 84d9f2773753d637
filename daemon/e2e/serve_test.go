//go:build unix

package e2e_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
)

const (
	cloudUUID     = "an-example-uuid-0001"
	cloudPassword = "an-example-password-of-cookiecloud"
	hubToken      = "rsshub:an-example-token-of-rsshub"
)

// readAddress is where the read listener listens, as the n-th line of the log
// about it says.
func (s *stage) readAddress(n int) string { return s.listening("serving credentials", n) }

// listening is where a listener listens, as the n-th line of the log about it
// says, which begins with some words.
func (s *stage) listening(words string, n int) string {
	s.t.Helper()
	address := ""
	until(s.t, "somebody is "+words, func() bool {
		found := 0
		for line := range strings.Lines(s.log.String()) {
			var entry struct{ Address, Message string }
			if json.Unmarshal([]byte(line), &entry) == nil && strings.HasPrefix(entry.Message, words) {
				address, found = entry.Address, found+1
			}
		}
		return found >= n
	})
	return "http://" + address
}

// readOver asks the read listener, and returns the status and the answer.
func readOver(t *testing.T, method, address, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	// A connection that is kept would look like one that cannot be ended.
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// openCloud decrypts as CookieCloud's clients do: AES-256-CBC with a key and an
// IV derived from a passphrase and a salt as OpenSSL does, the passphrase being
// the first 16 hexadecimal digits of MD5 over uuid-password.
func openCloud(t *testing.T, answer string) map[string]string {
	t.Helper()
	var sealed struct{ Encrypted string }
	if err := json.Unmarshal([]byte(answer), &sealed); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(sealed.Encrypted)
	if err != nil || len(raw) < 32 || string(raw[:8]) != "Salted__" {
		t.Fatalf("no ciphertext of CryptoJS: %v", err)
	}
	sum := md5.Sum([]byte(cloudUUID + "-" + cloudPassword))
	passphrase := hex.EncodeToString(sum[:])[:16]
	var material, last []byte
	for len(material) < 48 {
		next := md5.Sum([]byte(string(last) + passphrase + string(raw[8:16])))
		last = next[:]
		material = append(material, last...)
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		t.Fatal(err)
	}
	text := raw[16:]
	cipher.NewCBCDecrypter(block, material[32:48]).CryptBlocks(text, text)
	text = text[:len(text)-int(text[len(text)-1])]
	var plain struct {
		CookieData map[string][]struct{ Name, Value string } `json:"cookie_data"`
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatalf("it does not decrypt: %v", err)
	}
	found := map[string]string{}
	for _, list := range plain.CookieData {
		for _, c := range list {
			found[c.Name] = c.Value
		}
	}
	return found
}

// wantBoth fetches the credential in both ways, and wants the one in use.
func (s *stage) wantBoth(t *testing.T, address string) {
	t.Helper()
	want := cookies(s.get())
	code, answer := readOver(t, "GET", address+"/get/"+cloudUUID, "")
	if code != 200 {
		t.Fatalf("CookieCloud: %d", code)
	}
	got := openCloud(t, answer)
	for _, name := range []string{"SESSDATA", "bili_jct", "DedeUserID"} {
		if want[name] == "" || got[name] != want[name] {
			t.Errorf("CookieCloud: the cookie %s is not the one in use", name)
		}
	}
	code, answer = readOver(t, "GET", address+"/rsshub", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(hubToken)))
	var env map[string]string
	if err := json.Unmarshal([]byte(answer), &env); code != 200 || err != nil {
		t.Fatalf("RSSHub: %d, %v", code, err)
	}
	if cookies(env[fmt.Sprintf("BILIBILI_COOKIE_%d", mid)])["SESSDATA"] != want["SESSDATA"] {
		t.Error("RSSHub: the cookie is not the one in use")
	}
}

func (s *stage) serveReaders(listen string) {
	s.t.Helper()
	s.append(fmt.Sprintf(`
[serve]
listen = %q
[[serve.cookiecloud]]
account = "main"
uuid = %q
password_file = "cloud.password"
[serve.rsshub]
accounts = ["main"]
token_file = "rsshub.token"
`, listen, cloudUUID))
	s.secrets(map[string]string{"cloud.password": cloudPassword, "rsshub.token": hubToken})
}

// TestReaders: CookieCloud's clients and RSSHub get the credential in use, who
// does not prove itself gets nothing, and who tries often gets no answer.
func TestReaders(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.serveReaders("127.0.0.1:0")
	s.start()
	address := s.readAddress(1)
	if code, _ := readOver(t, "GET", address+"/get/"+cloudUUID, ""); code != 503 {
		t.Errorf("before the login: %d", code)
	}
	s.login(mid)
	s.wantBoth(t, address)
	first := cookies(s.get())["SESSDATA"]
	s.wantCode(0, "refresh", account, "--force")
	s.wantBoth(t, address)
	if cookies(s.get())["SESSDATA"] == first {
		t.Fatal("the refresh brought nothing")
	}
	noted := map[string]int{}
	for _, e := range s.events(client.EventCredentialRead) {
		var data struct{ Format, Remote string }
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(data.Remote, "127.0.0.1:") {
			noted[data.Format]++
		}
	}
	if noted["cookiecloud"] != 2 || noted["rsshub-remote"] != 2 {
		t.Errorf("the journal has %v readings over the network, want two of each", noted)
	}

	// A reload puts another password into force.
	s.secrets(map[string]string{"rsshub.token": "rsshub:another-example-token"})
	if _, err := s.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stopServing(address)
	address = s.readAddress(2)
	s.guess(t, address)
	s.stop()
	if log := s.log.String(); strings.Contains(log, cloudPassword) || strings.Contains(log, hubToken) || strings.Contains(log, first) {
		t.Error("a secret is in the log")
	}
}

// stopServing waits until a reload has closed the listener of before.
func (s *stage) stopServing(address string) {
	s.t.Helper()
	until(s.t, "the listener of before is closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// guess tries wrong secrets until there is no answer any more, not even to a
// right one.
func (s *stage) guess(t *testing.T, address string) {
	t.Helper()
	wrong := []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"GET", "/get/another-uuid-0000", "", nil, 404},
		{"POST", "/get/" + cloudUUID, `{"password":"wrong"}`, []string{"Content-Type", "application/json"}, 404},
		{"GET", "/rsshub", "", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(hubToken))}, 401},
		{"GET", "/rsshub", "", []string{"Authorization", "Bearer wrong"}, 401},
		{"GET", "/get/another-uuid-0001", "", nil, 404},
	}
	for _, w := range wrong {
		code, answer := readOver(t, w.method, address+w.path, w.body, w.header...)
		if code != w.want || strings.Contains(answer, "SESSDATA") {
			t.Errorf("%s %s: %d, want %d", w.method, w.path, code, w.want)
		}
	}
	// Whoever has the right credential is let in, however often others guessed.
	if code, _ := readOver(t, "GET", address+"/get/"+cloudUUID, ""); code != 200 {
		t.Errorf("a client after the guesses of others: %d", code)
	}
	right := "Basic " + base64.StdEncoding.EncodeToString([]byte("rsshub:another-example-token"))
	if code, _ := readOver(t, "GET", address+"/rsshub", "", "Authorization", right); code != 200 {
		t.Errorf("RSSHub after the guesses of others: %d", code)
	}
	if code, _ := readOver(t, "GET", address+"/", ""); code != 404 {
		t.Errorf("another path: %d", code)
	}
}

// TestReadersAddressTaken: a listener that cannot listen keeps nothing else
// from working, says so, and serves as soon as it can.
func TestReadersAddressTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", porttest.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.serveReaders(other.Addr().String())
	s.start()
	s.login(mid)
	until(t, "the status tells of the listener", func() bool {
		return strings.Contains(s.wantCode(0, "status").stderr, "read listener: listen on "+other.Addr().String()+": ")
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantBoth(t, s.readAddress(1))
	if warning := s.wantCode(0, "status").stderr; warning != "" {
		t.Errorf("status still warns: %s", warning)
	}
	s.stop()
}
