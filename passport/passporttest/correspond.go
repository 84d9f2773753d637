package passporttest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// pathLife is how old a timestamp the page takes. The site's own limit is
	// not known; a minute is well inside it.
	pathLife = 5 * time.Minute
	// csrfLife is how long a refresh_csrf is good for.
	csrfLife = 5 * time.Minute

	keyBits = 1024
)

// issued is a refresh_csrf that was given out.
type issued struct {
	session *session
	expires time.Time
}

// newKey makes the site's key pair when it is first needed.
func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		panic(fmt.Sprintf("the simulator's key: %v", err)) // no build we know of refuses it
	}
	return key
}

// CorrespondKey is the public key that the path of the refresh's page is
// encrypted with. Each Site has its own.
func (s *Refresh) CorrespondKey() *rsa.PublicKey { return &s.key().PublicKey }

// CorrespondKeyPEM is CorrespondKey as the text of a file.
func (s *Refresh) CorrespondKeyPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(s.CorrespondKey())
	if err != nil {
		panic(fmt.Sprintf("the simulator's key: %v", err)) // an RSA key always has this form
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// EmptyPage makes the page come without a refresh_csrf n times.
func (s *Refresh) EmptyPage(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emptyPages = n
}

// correspond is the page that authorises a refresh.
func (s *Refresh) correspond(r *http.Request) *answer {
	at, ok := s.openPath(strings.TrimPrefix(r.URL.Path, PathCorrespond))
	now := s.clock()
	if !ok || at.After(now) || now.Sub(at) > pathLife || cookieOf(r, "buvid3") == "" {
		return page(404, notFoundPage)
	}
	one := s.who(r)
	if one == nil {
		return page(200, fmt.Sprintf(correspondPage, ""))
	}
	if s.emptyPages > 0 {
		s.emptyPages--
		return page(200, fmt.Sprintf(correspondPage, ""))
	}
	csrf := randomHex(32)
	s.csrfs[csrf] = issued{session: one, expires: time.Now().Add(csrfLife)}
	return page(200, fmt.Sprintf(correspondPage, `<div id="1-name">`+csrf+`</div>`))
}

// openPath decrypts a path to its timestamp: "refresh_" and milliseconds. One in
// seconds comes out as a day of 1970, and is too old.
func (s *Refresh) openPath(text string) (time.Time, bool) {
	key := s.key()
	sealed, err := hex.DecodeString(text)
	if err != nil || len(sealed) != key.Size() || text != strings.ToLower(text) {
		return time.Time{}, false
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, key, sealed, nil)
	if err != nil {
		return time.Time{}, false
	}
	digits, ok := strings.CutPrefix(string(plain), "refresh_")
	ms, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)), true
}

// useCSRF spends a refresh_csrf, and reports whether it was this session's.
func (s *Refresh) useCSRF(csrf string, one *session) bool {
	given, ok := s.csrfs[csrf]
	if !ok || given.session != one {
		return false
	}
	delete(s.csrfs, csrf)
	return time.Now().Before(given.expires)
}

// correspondPage has what a careless reader takes for the element.
const correspondPage = `<!DOCTYPE html><html><head><title>correspond</title>
<!-- <div id="1-name">00000000000000000000000000000000</div> -->
<script>document.write('<div id="1-name">11111111111111111111111111111111</div>')</script>
</head><body><div id="1">1</div><div class="1-name">22222222222222222222222222222222</div>%s
<div id="1-value">33333333333333333333333333333333</div>
<script>var e = document.getElementById("1-name"); e && e.remove()</script></body></html>
`
