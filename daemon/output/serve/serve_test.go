package serve

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/lockout"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	uuid     = "kVdxMZ3q9w2sExample"
	password = "an-example-password"
	auth     = "rsshub:an-example-secret"
)

// readers are what serves the accounts "main" and "second" of a keeper, which are
// logged in, and what it logs.
type readers struct {
	*keepertest.Fixture
	*Handler
	log bytes.Buffer
}

func withReaders(t *testing.T, test func(t *testing.T, r *readers)) {
	t.Helper()
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		h.Login("second", keepertest.Stranger)
		r := &readers{Fixture: h}
		r.anew()
		test(h.T, r)
	})
}

// anew makes a handler that has been asked for nothing.
func (r *readers) anew() {
	r.T.Helper()
	r.log.Reset()
	var err error
	r.Handler, err = New(r.Keeper, zerolog.New(&r.log), Config{
		Clouds: []Cloud{
			{Account: "main", UUID: uuid, Password: secret.New(password)},
			{Account: "second", UUID: uuid + "2", Password: secret.New(password + "2"), Crypto: CryptoFixed},
		},
		RSSHub: &RSSHub{Accounts: []string{"main", "gone", "second"}, Auth: secret.New(auth)},
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

// noted are the readings of both accounts, and what was noted of the first one.
func (r *readers) noted() (main, second uint64, first client.CredentialRead) {
	r.T.Helper()
	reads := r.Keeper.Credentials().Reads()
	if events := r.Events(client.EventCredentialRead); len(events) > 0 {
		if err := json.Unmarshal(events[0].Data, &first); err != nil {
			r.T.Fatal(err)
		}
	}
	return reads["main"], reads["second"], first
}

func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decrypt(t *testing.T, key, iv, sealed []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(sealed)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, out)
	return out[:len(out)-int(out[len(out)-1])]
}

func TestCloud(t *testing.T) {
	withReaders(t, func(t *testing.T, r *readers) {
		plain := ask(r, "POST", "/get/"+uuid, `{"password":"`+password+`"}`, "Content-Type", "application/json")
		form := ask(r, "POST", "/get/"+uuid, "password="+password, "Content-Type", "application/x-www-form-urlencoded")
		if plain.Code != 200 || !strings.Contains(plain.Body.String(), r.SESSDATA()) || plain.Body.String() != form.Body.String() {
			t.Errorf("%d, %s", plain.Code, plain.Body)
		}
		if strings.Contains(plain.Body.String(), r.Keeper.Credentials().Held("main").RefreshToken.Reveal()) {
			t.Error("the refresh token was given")
		}
		if got := plain.Header(); got.Get("Cache-Control") != "no-store" || got.Get("Content-Type") != "application/json" || got.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("headers %v", got)
		}
		var sealed struct{ Encrypted, CryptoType string }
		get := func(path string) {
			t.Helper()
			w := ask(r, "GET", path, "")
			var answer map[string]string
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
				t.Fatalf("%d, %v", w.Code, err)
			}
			sealed.Encrypted, sealed.CryptoType = answer["encrypted"], answer["crypto_type"]
		}
		get("/get/" + uuid)
		raw, err := base64.StdEncoding.DecodeString(sealed.Encrypted)
		if err != nil || sealed.CryptoType != CryptoLegacy || string(raw[:8]) != "Salted__" {
			t.Fatalf("%+v, %v", sealed, err)
		}
		key, iv := deriveKey(r.clouds[0].passphrase(), raw[8:16])
		if got := decrypt(t, key, iv, raw[16:]); string(got) != plain.Body.String() {
			t.Errorf("got %s", got)
		}
		first := sealed.Encrypted
		if get("/get/" + uuid); sealed.Encrypted == first {
			t.Error("the salt is always the same")
		}
		get("/get/" + uuid + "2")
		raw, err = base64.StdEncoding.DecodeString(sealed.Encrypted)
		if err != nil || sealed.CryptoType != CryptoFixed {
			t.Fatalf("%+v, %v", sealed, err)
		}
		if got := decrypt(t, r.clouds[1].passphrase(), make([]byte, 16), raw); !strings.Contains(string(got), strconv.Itoa(keepertest.Stranger)) {
			t.Errorf("got %s", got)
		}
		if main, second, first := r.noted(); main != 4 || second != 1 || first.Format != FormatCookieCloud || first.Remote != "192.0.2.1:1234" || first.Generation != 1 {
			t.Errorf("noted %d and %d, first %+v", main, second, first)
		}
	})
}

// The passphrase and the derivation, against values that were computed with
// other programs (md5sum, openssl).
func TestKeys(t *testing.T) {
	c := Cloud{UUID: "test-uuid", Password: secret.New("test-password")}
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	sum := exec.Command(openssl, "md5", "-r")
	sum.Stdin = strings.NewReader("test-uuid-test-password")
	out, err := sum.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.passphrase()); got != string(out[:16]) {
		t.Errorf("got %s, want %s", got, out[:16])
	}
	for _, crypto := range []string{CryptoLegacy, CryptoFixed} {
		c.Crypto = crypto
		sealed, _ := c.seal([]byte(`{"cookie_data":{}}`))
		args := []string{"enc", "-d", "-a", "-A", "-aes-256-cbc", "-md", "md5", "-pass", "pass:" + string(c.passphrase())}
		if crypto == CryptoFixed {
			args = []string{"enc", "-d", "-a", "-A", "-aes-128-cbc", "-K", fmt.Sprintf("%x", c.passphrase()), "-iv", strings.Repeat("0", 32)}
		}
		cmd := exec.Command(openssl, args...)
		cmd.Stdin = strings.NewReader(sealed)
		if out, err := cmd.Output(); err != nil || string(out) != `{"cookie_data":{}}` {
			t.Errorf("%s: openssl read %q, %v", crypto, out, err)
		}
	}
}

func TestRSSHub(t *testing.T) {
	withReaders(t, func(t *testing.T, r *readers) {
		want := map[string]string{}
		for _, account := range []string{"main", "second"} {
			name, value, err := output.RSSHub(r.Keeper.Credentials().Held(account))
			if err != nil {
				t.Fatal(err)
			}
			want[name] = value
		}
		for _, given := range []string{auth, base64.StdEncoding.EncodeToString([]byte(auth))} {
			w := ask(r, "GET", "/rsshub", "", "Authorization", "Basic "+given)
			var got map[string]string
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || !maps.Equal(got, want) || len(want) != 2 || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d, %s", w.Code, w.Body)
			}
		}
		if main, second, first := r.noted(); main != 2 || second != 2 || first.Format != FormatRSSHub || first.Remote != "192.0.2.1:1234" {
			t.Errorf("noted %d and %d, first %+v", main, second, first)
		}
	})
}

func TestRefused(t *testing.T) {
	asJSON := []string{"Content-Type", "application/json"}
	tests := []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"GET", "/get/no-such-uuid", "", nil, 404},
		{"GET", "/get/" + uuid[:8], "", nil, 404},
		{"POST", "/get/" + uuid, `{"password":"wrong"}`, asJSON, 404},
		{"POST", "/get/" + uuid, `{"password":"` + password + `2"}`, asJSON, 404},
		{"POST", "/get/no-such-uuid", `{"password":"` + password + `"}`, asJSON, 404},
		{"POST", "/get/" + uuid, `{"password":""}`, asJSON, 400},
		{"POST", "/get/" + uuid, `{"password":`, asJSON, 400},
		{"POST", "/get/" + uuid, "password=x", nil, 400},
		{"POST", "/get/" + uuid, strings.Repeat("x", 5000), asJSON, 400},
		{"PUT", "/get/" + uuid, "", nil, 405},
		{"POST", "/update", "{}", asJSON, 404},
		{"GET", "/get/", "", nil, 404},
		{"GET", "/", "", nil, 404},
		{"GET", "/rsshub", "", nil, 401},
		{"GET", "/rsshub", "", []string{"Authorization", "Bearer " + auth}, 401},
		{"GET", "/rsshub", "", []string{"Authorization", "Basic "}, 401},
		{"GET", "/rsshub", "", []string{"Authorization", "Basic " + auth + "x"}, 401},
		{"POST", "/rsshub", "", []string{"Authorization", "Basic " + auth}, 405},
	}
	withReaders(t, func(t *testing.T, r *readers) {
		for _, tt := range tests {
			r.anew()
			w := ask(r, tt.method, tt.path, tt.body, tt.header...)
			if w.Code != tt.want || strings.Contains(w.Body.String(), r.SESSDATA()[:8]) || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s %.40s: %d, %s", tt.method, tt.path, tt.body, w.Code, w.Body)
			}
			for _, hidden := range []string{uuid, password, auth} {
				if strings.Contains(r.log.String()+w.Body.String(), hidden) {
					t.Errorf("%s %s: %s is in the log or the answer", tt.method, tt.path, hidden)
				}
			}
		}
		if main, second, first := r.noted(); main != 0 || second != 0 {
			t.Errorf("noted %d and %d, first %+v", main, second, first)
		}
	})
}

// What is dead or cannot be noted is not given.
func TestUnavailable(t *testing.T) {
	refused := func(t *testing.T, r *readers, session string) {
		t.Helper()
		for _, w := range []*httptest.ResponseRecorder{
			ask(r, "GET", "/get/"+uuid, ""),
			ask(r, "POST", "/get/"+uuid, `{"password":"`+password+`"}`, "Content-Type", "application/json"),
			ask(r, "GET", "/rsshub", "", "Authorization", "Basic "+auth),
		} {
			if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), session) {
				t.Errorf("%d, %s", w.Code, w.Body)
			}
		}
	}
	withReaders(t, func(t *testing.T, r *readers) {
		session := r.SESSDATA()
		for name, mid := range map[string]int64{"main": keepertest.Mid, "second": keepertest.Stranger} {
			r.Die(name, mid)
		}
		refused(t, r, session)
		if main, second, _ := r.noted(); main != 0 || second != 0 {
			t.Errorf("noted %d and %d", main, second)
		}
	})
	withReaders(t, func(t *testing.T, r *readers) {
		session := r.SESSDATA()
		r.Stop() // the vault is closed, and the journal with it
		r.Stop = func() {}
		refused(t, r, session)
		if !r.Keeper.Credentials().Held("main").Alive || !strings.Contains(r.log.String(), "a credential could not be given") {
			t.Errorf("the log is %s", r.log.String())
		}
	})
}

// Guessing is slow, and shuts nobody out: neither who comes from elsewhere nor who
// comes from behind the guesser's own proxy.
func TestGuessing(t *testing.T) {
	withReaders(t, func(t *testing.T, h *readers) {
		var err error
		if h.proxies, err = clientaddr.New([]string{"127.0.0.0/8"}); err != nil {
			t.Fatal(err)
		}
		status := func(remote, forwarded, path string, header ...string) int {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr = remote
			if forwarded != "" {
				r.Header.Set("X-Forwarded-For", forwarded)
			}
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		guesses := map[int]int{}
		for range 100 {
			guesses[status("192.0.2.7:1", "", "/get/not-this-one")]++
			guesses[status("192.0.2.7:1", "", "/rsshub", "Authorization", "Basic wrong")]++
		}
		if guesses[429] != 2*(100-lockout.Burst) || guesses[404] != lockout.Burst || guesses[401] != lockout.Burst {
			t.Errorf("the guesses got %v", guesses)
		}
		for _, who := range []string{"192.0.2.7:2", "192.0.2.8:1"} {
			if got := status(who, "", "/get/"+uuid); got != 200 {
				t.Errorf("%s with the right uuid got %d", who, got)
			}
			if got := status(who, "", "/rsshub", "Authorization", "Basic "+auth); got != 200 {
				t.Errorf("%s with the right token got %d", who, got)
			}
		}
		for i := range 100 {
			for range 6 {
				status("127.0.0.1:1", fmt.Sprintf("198.51.100.%d", i), "/get/not-this-one")
			}
		}
		if got := status("127.0.0.1:1", "198.51.100.200", "/get/also-not-this"); got != 404 {
			t.Errorf("another one behind the proxy got %d", got)
		}
		if got := status("127.0.0.1:1", "198.51.100.7", "/get/"+uuid); got != 200 {
			t.Errorf("the right one behind the proxy got %d", got)
		}
		if !strings.Contains(h.log.String(), `"remote":"198.51.100.99"`) {
			t.Error("the log does not say who guessed")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := Cloud{Account: "main", UUID: uuid, Password: secret.New(password)}
	with := func(f func(*Cloud)) Config {
		c := good
		f(&c)
		return Config{Clouds: []Cloud{c}}
	}
	tests := map[string]Config{
		"names no account": with(func(c *Cloud) { c.Account = "" }),
		"its uuid is not":  with(func(c *Cloud) { c.UUID = "a/../../bcdefgh" }),
		"shorter than":     with(func(c *Cloud) { c.Password = secret.New("short") }),
		"white space":      with(func(c *Cloud) { c.Password = secret.New(password + "\n") }),
		"neither legacy":   with(func(c *Cloud) { c.Crypto = "none" }),
		"another entry's":  {Clouds: []Cloud{good, good}},
		"rsshub: it names": {RSSHub: &RSSHub{Auth: secret.New(auth)}},
		"rsshub: its pass": {RSSHub: &RSSHub{Accounts: []string{"main"}}},
	}
	for want, cfg := range tests {
		if _, err := New(&keeper.Keeper{}, zerolog.Nop(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	h, err := New(&keeper.Keeper{}, zerolog.Nop(), Config{})
	if err != nil || ask(h, "GET", "/get/"+uuid, "").Code != 404 || ask(h, "GET", "/rsshub", "").Code != 404 {
		t.Errorf("an empty configuration serves something, %v", err)
	}
}

func FuzzCloudBody(f *testing.F) {
	f.Add("application/json", `{"password":"x"}`)
	f.Add("application/x-www-form-urlencoded", "password=%zz")
	f.Add("a/b; c", "")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest("POST", "/get/"+uuid, strings.NewReader(body))
		r.Header["Content-Type"] = []string{kind}
		given, ok := bodyPassword(httptest.NewRecorder(), r)
		if ok && given == password && !strings.Contains(body, password[:3]) && !strings.Contains(body, "%") && !strings.Contains(body, `\`) {
			t.Errorf("%q opened it", body)
		}
	})
}
