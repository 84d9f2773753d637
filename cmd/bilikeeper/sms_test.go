package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// dialogue is a person at the keyboard of a login by SMS.
type dialogue struct {
	*running
	keys io.WriteCloser
	seen int // what of stderr was read already
}

func (b *bench) talk(ctx context.Context, args ...string) *dialogue {
	in, keys := io.Pipe()
	b.Cleanup(func() { _ = keys.Close() })
	return &dialogue{running: b.begin(ctx, in, args...), keys: keys}
}

// asked waits for a question after what was read, and types the answer.
func (d *dialogue) asked(question, answer string) {
	d.bench.Helper()
	if err := retry(func() error {
		text := d.stderr.String()[d.seen:]
		i := strings.Index(text, question)
		if i < 0 {
			return fmt.Errorf("%q is not in %q", question, text)
		}
		d.seen += i + len(question)
		return nil
	}); err != nil {
		d.bench.Fatal(err)
	}
	if _, err := io.WriteString(d.keys, answer+"\n"); err != nil {
		d.bench.Fatal(err)
	}
}

var challenge = regexp.MustCompile(`challenge  ([0-9a-z]+)`)

// solve answers for the captcha that was shown last.
func (d *dialogue) solve() {
	d.bench.Helper()
	all := challenge.FindAllStringSubmatch(d.stderr.String(), -1)
	for len(all) == 0 {
		d.sees(&d.stderr, "challenge  ")
		d.sees(&d.stderr, "validate, as the widget returned it: ")
		all = challenge.FindAllStringSubmatch(d.stderr.String(), -1)
	}
	validate, _ := passporttest.SolveCaptcha(all[len(all)-1][1])
	d.asked("validate, as the widget returned it: ", validate)
}

const phoneNumber = "13800138000"

func TestSMSLogin(t *testing.T) {
	b := newBench(t, "")
	b.site.SMS.AddPhone(mid, phoneNumber)
	d := b.talk(t.Context(), "login", "main", "--method", "sms", "--timeout", "60s")
	d.asked("Country's calling code (Enter for 86, China): ", "+0")
	d.asked("The site does not send messages to +0.\nCountry's calling code (Enter for 86, China): ", "+86")
	d.asked("Phone number, without the country's code: ", phoneNumber)
	d.solve()
	d.asked("The message is on its way.\nThe code from the message (Enter for a new message): ", "000000")
	d.asked("The code from the message (Enter for a new message): ", b.site.SMS.Code(phoneNumber))
	d.ends(0)
	b.matches("stderr", `ok main is logged in as example \(mid 100200300\)\n$`, d.stderr.String())

	// The end of the input is the end of the login, and so is the time.
	d = b.talk(t.Context(), "login", "second", "--method", "sms", "--timeout", "60s")
	d.asked("Country's calling code", "")
	_ = d.keys.Close()
	d.ends(1)
	d = b.talk(t.Context(), "login", "third", "--method", "sms", "--timeout", "1s")
	d.ends(1)
	b.matches("stderr", `bilikeeper: error: the login was not finished within 1s\n`, d.stderr.String())
}

// Where the keeper serves a login page the address is shown, and the keyboard
// still works.
func TestSMSLoginBesidePage(t *testing.T) {
	b := newBench(t, "\n[page]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:7331\"\n")
	b.site.SMS.AddPhone(mid, phoneNumber)
	d := b.talk(t.Context(), "login", "main", "--method", "sms", "--timeout", "60s")
	d.asked("Open this page to solve the captcha and to enter the number and the code:\nOr press Enter to type everything here.\n", "")
	d.asked("Country's calling code", "")
	b.matches("stdout", `^http://127\.0\.0\.1:7331/.+\n$`, d.stdout.String())
	ctx, stop := context.WithCancel(t.Context())
	joined := b.talk(ctx, "login", "main", "--method", "sms")
	joined.sees(&joined.stderr, "Or press Enter")
	stop()
	joined.ends(1)
	b.matches("stderr", `error: interrupted; the keeper goes on with this login\n$`, joined.stderr.String())
	d.asked("Phone number", phoneNumber)
	d.solve()
	d.sees(&d.stderr, "The message is on its way.")
	d.asked("The code from the message", b.site.SMS.Code(phoneNumber))
	d.ends(0)
}
