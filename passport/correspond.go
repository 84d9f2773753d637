package passport

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Outcomes of the page that authorises a refresh.
var (
	// ErrNoCSRF: the page came and holds no refresh_csrf. Why the site leaves it
	// out is not known; a later cycle may fare better.
	ErrNoCSRF = errors.New("the page holds no refresh_csrf")
	// ErrPathRefused: the site takes the path's timestamp for one of the future
	// or of long ago, or misses the device's identifier.
	ErrPathRefused = errors.New("the page's path was refused")
)

const (
	opCorrespond   = "correspond"
	pathCorrespond = "/correspond/1/"

	// clockMargin is taken off the local clock where the site's is not known: a
	// timestamp that is ahead of the site's is refused, one that is a little
	// behind is not.
	clockMargin = 20 * time.Second

	// csrfElement is the id of the element that holds the refresh_csrf.
	csrfElement = "1-name"
	csrfLength  = 32

	// minKeyBits is the size of the site's own key.
	minKeyBits = 1024
)

// siteKey is public: the site's own script brings it to every browser.
const siteKey = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLgd2OAkcGVtoE3ThUREbio0Eg
Uc/prcajMKXvkCKFCWhJYJcLkcM2DKKcSeFpD/j6Boy538YXnR6VhcuUJOhH2x71
nzPjfdTcqMz7djHum0qSZA0AyCBDABUqCrfNgCiJ00Ra7GmRj+YCK1NJEuewlb40
JNrRuoEUXpabUzGB8QIDAQAB
-----END PUBLIC KEY-----
`

// ParseCorrespondKey reads a public RSA key of at least 1024 bits from the first
// block of a PEM text, in either of the two forms that tools write.
func ParseCorrespondKey(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM text")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the PEM block is %q, want a public key", block.Type)
	}
	if err != nil {
		return nil, errors.New("the PEM block holds no public key that can be read")
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the key is not an RSA key")
	}
	if err := checkKey(public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkKey(key *rsa.PublicKey) error {
	if key.N == nil || key.N.BitLen() < minKeyBits {
		return fmt.Errorf("the RSA key has less than %d bits", minKeyBits)
	}
	return nil
}

// RefreshCSRF fetches the code that authorises one refresh from the page whose
// path proves the time. It is good for a short while, for this session, once.
//
// The time is the site's own, Info.ServerTime of a moment ago; the zero time
// stands for the local clock, which may be wrong. What passes until the request
// leaves is added, so that waiting for a turn does not make the path too old.
func (c *Client) RefreshCSRF(ctx context.Context, s Session, at time.Time) (secret.String, error) {
	asked := time.Now()
	if at.IsZero() {
		at = asked.Add(-clockMargin)
	}
	if !cookie.Has(s.All(), cookieBuvid3) {
		s.Device.Buvid3 = secret.New(randomBuvid3())
	}
	r, err := c.ask(ctx, call{
		op: opCorrespond, device: s.Device, session: &s, base: c.bases.www, kind: kindPage, urgent: true,
		late: func() (string, *Error) { return c.correspondPath(at.Add(time.Since(asked))) },
	})
	if err != nil {
		return secret.String{}, err
	}
	csrf, ok := refreshCSRF(r.page)
	if !ok {
		e := unknown(opCorrespond, "the page holds no code for a refresh")
		e.Scope, e.Err = ScopeAccount, ErrNoCSRF
		return secret.String{}, e
	}
	return secret.New(csrf), nil
}

// correspondPath encrypts a time the way the site's own script does.
func (c *Client) correspondPath(at time.Time) (string, *Error) {
	plain := "refresh_" + strconv.FormatInt(at.UnixMilli(), 10)
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, c.key, []byte(plain), nil)
	if err != nil {
		// A build that allows approved cryptography only refuses a key as small
		// as the site's.
		return "", &Error{
			Op: opCorrespond, Class: Unknown, Scope: ScopeAccount, Err: ErrNotAsked,
			Detail: "not asked: the time could not be encrypted with the site's key",
		}
	}
	return pathCorrespond + hex.EncodeToString(sealed), nil
}

// randomBuvid3 has the form of the site's identifiers. The page is refused to
// those who have none.
func randomBuvid3() string {
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails
	number := (int(b[16])<<8 | int(b[17])) % 100_000
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])) +
		fmt.Sprintf("%05dinfoc", number)
}

// pathRefused is the meaning of a 404 of the page. It is no trouble of the
// host's, which would count against every account.
func pathRefused(op string) *Error {
	return &Error{
		Op: op, Class: Unknown, Scope: ScopeAccount, HTTPStatus: 404, Err: ErrPathRefused,
		Detail: "HTTP 404 (the page's path was refused)",
	}
}

// pageError finds a block that came as JSON where the page belongs. Any other
// code says nothing here: the page is not the place that tells the dead from
// the living.
func pageError(op string, body []byte) *Error {
	if text := bytes.TrimSpace(body); len(text) == 0 || text[0] != '{' {
		return nil
	}
	env, e := parseEnvelope(op, body, "")
	if e != nil {
		return nil
	}
	if e = codeError(op, env.code, false); e.Class == Unknown {
		return nil
	}
	return e
}

// refreshCSRF finds the text of the element with the known id. Everything else
// on the page is passed over, scripts and comments too, which may well name it.
func refreshCSRF(page []byte) (string, bool) {
	z := html.NewTokenizer(bytes.NewReader(page))
	z.SetMaxBuf(maxBody)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return "", false
		case html.StartTagToken:
			if token := z.Token(); hasID(token, csrfElement) {
				return elementText(z, token.Data)
			}
		}
	}
}

func hasID(token html.Token, id string) bool {
	for _, a := range token.Attr {
		if a.Key == "id" { // the first one counts, as in a browser
			return a.Val == id
		}
	}
	return false
}

// elementText reads on to the end of an element whose start tag was read.
func elementText(z *html.Tokenizer, name string) (string, bool) {
	var text strings.Builder
	for depth := 1; depth > 0; {
		switch z.Next() {
		case html.ErrorToken:
			return "", false
		case html.TextToken:
			text.Write(z.Text()) // unescapes
		case html.StartTagToken:
			if tag, _ := z.TagName(); string(tag) == name {
				depth++
			}
		case html.EndTagToken:
			if tag, _ := z.TagName(); string(tag) == name {
				depth--
			}
		}
	}
	csrf := strings.TrimSpace(text.String())
	return csrf, isHex(csrf, csrfLength)
}

func isHex(text string, length int) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == length
}
