package serve

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// The ways in which CookieCloud encrypts. Names are on the wire.
const (
	CryptoLegacy = "legacy"
	CryptoFixed  = "aes-128-cbc-fixed"
)

// Cloud is an account that CookieCloud's clients can fetch.
type Cloud struct {
	Account string
	// UUID and Password are what the client is configured with. Whoever knows
	// the uuid gets the ciphertext, so it is as good as half a password.
	UUID     string
	Password secret.String
	// Crypto is one of the Crypto… words, "" for legacy, which all clients know.
	Crypto string
}

// minUUID is less than the 22 characters that CookieCloud draws.
const minUUID = 8

func (c Cloud) check() error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	switch {
	case c.Account == "":
		return errors.New("it names no account")
	case len(c.UUID) < minUUID || strings.ContainsFunc(c.UUID, func(r rune) bool { return !plain(r) }):
		return errors.New("its uuid is not made of eight or more letters, digits and dashes")
	case c.Crypto != "" && c.Crypto != CryptoLegacy && c.Crypto != CryptoFixed:
		return errors.New("its crypto is neither legacy nor aes-128-cbc-fixed")
	}
	return checkSecret(c.Password)
}

// cloud answers as CookieCloud's server does: with the ciphertext, or to a
// request that brings the password with the cookies themselves.
func (h *Handler) cloud(w http.ResponseWriter, r *http.Request) {
	password, ok := bodyPassword(w, r)
	if !ok {
		refuse(w, http.StatusBadRequest)
		return
	}
	var found Cloud
	for _, c := range h.clouds {
		// All of them, so that the time does not tell which one it was.
		if equal(c.UUID, r.PathValue("uuid")) {
			found = c
		}
	}
	if !h.proven(w, r, FormatCookieCloud, "cookiecloud "+found.UUID, http.StatusNotFound, func() bool {
		return found.UUID != "" && (password == "" || equal(password, found.Password.Reveal()))
	}) {
		return
	}
	c, ok, err := h.read(r, found.Account, FormatCookieCloud)
	if err != nil {
		h.trouble(w, FormatCookieCloud, err)
		return
	}
	if !ok {
		unavailable(w)
		return
	}
	data, err := output.Render("cookiecloud", c, output.Options{})
	if err != nil {
		h.trouble(w, FormatCookieCloud, err)
		return
	}
	if password != "" {
		w.Header().Set("Content-Type", data.ContentType)
		_, _ = w.Write(data.Body)
		return
	}
	sealed, kind := found.seal(data.Body)
	reply(w, map[string]string{"encrypted": sealed, "crypto_type": kind})
}

// maxBody is far more than a password needs.
const maxBody = 4 << 10

// bodyPassword returns the password of a request, "" where it brings none; ok
// is false where its body cannot be read.
func bodyPassword(w http.ResponseWriter, r *http.Request) (password string, ok bool) {
	if r.Method != http.MethodPost {
		return "", true
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", false
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return "", true
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", false
	}
	switch kind {
	case "application/json":
		var ask struct {
			Password string `json:"password"`
		}
		return ask.Password, json.Unmarshal(body, &ask) == nil && ask.Password != ""
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		return form.Get("password"), err == nil
	}
	return "", false
}

// passphrase is the key of both ways: sixteen hexadecimal digits as text.
func (c Cloud) passphrase() []byte {
	sum := md5.Sum([]byte(c.UUID + "-" + c.Password.Reveal()))
	return []byte(hex.EncodeToString(sum[:])[:16])
}

func (c Cloud) seal(plain []byte) (sealed, kind string) {
	if c.Crypto == CryptoFixed {
		return base64.StdEncoding.EncodeToString(encrypt(c.passphrase(), make([]byte, aes.BlockSize), plain)), CryptoFixed
	}
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails: the program ends where there is no randomness
	key, iv := deriveKey(c.passphrase(), salt[:])
	sealed = base64.StdEncoding.EncodeToString(append(append([]byte("Salted__"), salt[:]...), encrypt(key, iv, plain)...))
	return sealed, CryptoLegacy
}

// deriveKey is OpenSSL's EVP_BytesToKey with MD5 and one round, which CryptoJS
// took over for passphrases. It is weak, and what the clients speak.
func deriveKey(passphrase, salt []byte) (key, iv []byte) {
	var material, last []byte
	for len(material) < 32+aes.BlockSize {
		sum := md5.Sum(append(append(last, passphrase...), salt...))
		last = sum[:]
		material = append(material, last...)
	}
	return material[:32], material[32 : 32+aes.BlockSize]
}

// encrypt is AES-CBC with PKCS#7 padding. The key's length is one of AES's by
// construction.
func encrypt(key, iv, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}
