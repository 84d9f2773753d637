package input_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
)

const (
	sessdata = "1a2b3c4d%2C1799999999%2Cf00d5*81CjExampleOnly"
	older    = "5e6f7a8b%2C1700000000%2Ca1b2c*93CjExampleOlder"
	decoded  = "1a2b3c4d,1799999999,f00d5*81CjExampleOnly"
	double   = "1a2b3c4d%252C1799999999%252Cf00d5%2A81CjExampleOnly"
	csrf     = "00000000000000000000000000000001"
	buvid3   = "0A1B2C3D-0000-1111-2222-333344445555012345infoc"
	buvid4   = "9F8E7D6C-0000-1111-2222-333344445555012345-026010203-AbC/dEf=="
	encoded4 = "9F8E7D6C-0000-1111-2222-333344445555012345-026010203-AbC%2FdEf%3D%3D"
	token    = "ffeeddccbbaa99887766554433221100"
	appToken = "EXAMPLEREFRESH000000000000000000"
	ticket   = "eyExample.ticket.only"
)

func secrets() []string {
	return []string{sessdata, decoded, double, "CjExampleOnly", csrf, buvid3, buvid4, encoded4, token, appToken, ticket}
}

// parse runs on a fake clock that stands in the year 2000: the samples' expiry
// never comes.
func parse(t *testing.T, format, text string) (input.Login, error) {
	t.Helper()
	var login input.Login
	var err error
	synctest.Test(t, func(*testing.T) { login, err = input.Parse(format, []byte(text)) })
	said := strings.Join(login.Notes, "\n")
	if err != nil {
		said += err.Error()
	}
	for _, s := range secrets() {
		if strings.Contains(said, s) {
			t.Errorf("a note or an error holds a secret: %s", said)
		}
	}
	return login, err
}

func mustParse(t *testing.T, format, text string) input.Login {
	t.Helper()
	login, err := parse(t, format, text)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// line is what a login's cookies come down to.
func line(l input.Login) string {
	var pairs []string
	for _, c := range l.Cookies {
		pairs = append(pairs, c.Name+"="+c.Value.Reveal())
	}
	return strings.Join(pairs, "; ")
}

func named(t *testing.T, l input.Login, name string) cookie.Cookie {
	t.Helper()
	i := slices.IndexFunc(l.Cookies, func(c cookie.Cookie) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no %s", name)
	}
	return l.Cookies[i]
}

// wantNotes wants one note for each piece, in this order, and no other.
func wantNotes(t *testing.T, l input.Login, pieces ...string) {
	t.Helper()
	ok := len(l.Notes) == len(pieces)
	for i := 0; ok && i < len(pieces); i++ {
		ok = strings.Contains(l.Notes[i], pieces[i])
	}
	if !ok {
		t.Errorf("notes are %q, want %q", l.Notes, pieces)
	}
}
