package passport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"
)

const sampleCSRF = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

func TestRefreshCSRFOfAPage(t *testing.T) {
	for name, row := range map[string]struct {
		page string
		want string
	}{
		"as documented":         {`<!DOCTYPE html><html><body><div id="1-name">` + sampleCSRF + `</div></body></html>`, sampleCSRF},
		"white space":           {"<div\n  id = '1-name'\t>\n " + sampleCSRF + " \n</div >", sampleCSRF},
		"other attributes":      {`<div class="a" data-x="<>" id=1-name hidden>` + sampleCSRF + `</div>`, sampleCSRF},
		"another element":       {`<span id="1-name">` + sampleCSRF + `</span>`, sampleCSRF},
		"capitals":              {`<DIV ID="1-name">` + sampleCSRF + `</DIV>`, sampleCSRF},
		"entities":              {`<div id="1-name">&#98;0b1b2b3b4b5b6b7b8b9babbbcbdbebf&#10;</div>`, sampleCSRF},
		"an entity in the id":   {`<div id="1&#45;name">` + sampleCSRF + `</div>`, sampleCSRF},
		"elements inside":       {`<div id="1-name"><b>` + sampleCSRF[:16] + `</b><div></div>` + sampleCSRF[16:] + `</div>`, sampleCSRF},
		"a comment inside":      {`<div id="1-name"><!-- x -->` + sampleCSRF + `</div>`, sampleCSRF},
		"after a script":        {`<script>var s = '<div id="1-name">x</div>'</script><div id="1-name">` + sampleCSRF + `</div>`, sampleCSRF},
		"after a comment":       {`<!-- <div id="1-name">x</div> --><div id="1-name">` + sampleCSRF + `</div>`, sampleCSRF},
		"broken markup before":  {`<p><<div class="1-name" <b></p></x><div id="1-name">` + sampleCSRF + `</div>`, sampleCSRF},
		"the first one counts":  {`<div id="1-name">x</div><div id="1-name">` + sampleCSRF + `</div>`, ""},
		"in a script only":      {`<script><div id="1-name">` + sampleCSRF + `</div></script>`, ""},
		"in a comment only":     {`<!--<div id="1-name">` + sampleCSRF + `</div>-->`, ""},
		"in an attribute":       {`<div title='<div id="1-name">` + sampleCSRF + `</div>'></div>`, ""},
		"a second id attribute": {`<div id="x" id="1-name">` + sampleCSRF + `</div>`, ""},
		"another id":            {`<div id="1-name2">` + sampleCSRF + `</div>`, ""},
		"an id in capitals":     {`<div id="1-NAME">` + sampleCSRF + `</div>`, ""},
		"not closed":            {`<div id="1-name">` + sampleCSRF, ""},
		"empty":                 {`<div id="1-name"></div>`, ""},
		"too short":             {`<div id="1-name">` + sampleCSRF[1:] + `</div>`, ""},
		"too long":              {`<div id="1-name">` + sampleCSRF + `0</div>`, ""},
		"no hex":                {`<div id="1-name">` + strings.Repeat("g", 32) + `</div>`, ""},
		"split by a space":      {`<div id="1-name">` + sampleCSRF[:16] + " " + sampleCSRF[16:] + `</div>`, ""},
		"nothing":               {"", ""},
		"no page":               {"\x00\xff<", ""},
	} {
		got, ok := refreshCSRF([]byte(row.page))
		if !ok {
			got = ""
		}
		if got != row.want || ok != (row.want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

// Whatever the page, what is found is a code that stands in it, in no more time
// than the page is long.
func FuzzRefreshCSRF(f *testing.F) {
	for _, seed := range []string{
		`<div id="1-name">` + sampleCSRF + `</div>`, `<div id='1-name'><div>`, `<script><div id="1-name">`, `<!--`, `<textarea id="1-name">&#x62;`,
		strings.Repeat(`<div id="1-name">`, 1000), `<div id="1-name"` + strings.Repeat(" a=b", 1000) + ">", `<plaintext id=1-name>`, "<",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		before := bytes.Clone(page)
		csrf, ok := refreshCSRF(page)
		if ok && !regexp.MustCompile(`^[0-9a-fA-F]{32}$`).MatchString(csrf) {
			t.Fatalf("%q gave %q", page, csrf)
		}
		if !bytes.Equal(page, before) {
			t.Fatalf("the page was changed")
		}
		_ = pageError(opCorrespond, page)
	})
}

func TestLongPagesAreQuick(t *testing.T) {
	start := time.Now()
	for _, unit := range []string{`<div id="1-name">`, `<`, `<!--`, `&`, `<script>`, ` a="`, `<a `, `</`, `<div id="1-name"><b>`} {
		refreshCSRF([]byte(strings.Repeat(unit, maxBody/4/len(unit))))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCorrespondPath(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{CorrespondKey: &key.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1784448000456)
	form := regexp.MustCompile(`^/correspond/1/[0-9a-f]{256}$`)
	for range 300 { // leading zeros come now and then
		path, e := c.correspondPath(at)
		if e != nil || !form.MatchString(path) {
			t.Fatalf("%q, %v", path, e)
		}
		sealed, err := hex.DecodeString(strings.TrimPrefix(path, pathCorrespond))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := rsa.DecryptOAEP(sha256.New(), nil, key, sealed, nil)
		if err != nil || string(plain) != "refresh_1784448000456" {
			t.Fatalf("%q, %v", plain, err)
		}
	}
	own, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if path, e := own.correspondPath(at); e != nil || !form.MatchString(path) || own.key.E != 65537 || own.key.N.BitLen() != 1024 {
		t.Errorf("the built-in key: %q, %v", path, e)
	}
}

func TestParseCorrespondKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	small := &rsa.PublicKey{N: new(big.Int).Rsh(key.N, 1), E: key.E}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for name, row := range map[string]struct {
		text []byte
		ok   bool
	}{
		"PKIX":              {block("PUBLIC KEY", pkix), true},
		"PKCS1":             {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), true},
		"text around it":    {append([]byte("# a key\n"), block("PUBLIC KEY", pkix)...), true},
		"the site's own":    {[]byte(siteKey), true},
		"too small":         {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(small)), false},
		"no RSA key":        {block("PUBLIC KEY", ec), false},
		"a private key":     {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), false},
		"the wrong name":    {block("RSA PUBLIC KEY", pkix), false},
		"broken":            {block("PUBLIC KEY", pkix[:20]), false},
		"empty":             {nil, false},
		"no PEM":            {pkix, false},
		"a broken PEM text": {block("PUBLIC KEY", pkix)[:40], false},
	} {
		parsed, err := ParseCorrespondKey(row.text)
		if (err == nil) != row.ok || row.ok && parsed.N.BitLen() != 1024 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{CorrespondKey: small}); err == nil || !strings.HasPrefix(err.Error(), "correspond key: ") {
		t.Errorf("a client with a small key: %v", err)
	}
	if _, err := New(Options{CorrespondKey: &rsa.PublicKey{}}); err == nil {
		t.Error("a client with no key")
	}
}
