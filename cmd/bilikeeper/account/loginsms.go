package account

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// smsDialogue is a login by SMS in the terminal. The captcha is solved by the
// person: on the login page where the keeper serves one, else with any page
// that shows the widget, and its values are typed in here.
type smsDialogue struct {
	env    *cli.Env
	client *client.Client
	login  client.Login
	lines  chan string
}

func dialogue(ctx context.Context, env *cli.Env, l client.Login) (client.Login, error) {
	d := &smsDialogue{env: env, client: env.Client(), login: l, lines: make(chan string)}
	go d.read(ctx)
	if l.PageURL != "" {
		env.Say("Open this page to solve the captcha and to enter the number and the code:")
		env.Print("%s\n", l.PageURL)
		env.Say("Or press Enter to type everything here.")
		if done, err := d.elsewhere(ctx); done || err != nil {
			return d.login, err
		}
	}
	for d.login.State == client.LoginCaptcha {
		if err := d.send(ctx); err != nil {
			return d.login, err
		}
	}
	for d.login.State == client.LoginSMSSent {
		if err := d.submit(ctx); err != nil {
			return d.login, err
		}
	}
	return d.login, nil
}

// read passes on what is typed, until the end of the input or of the program.
func (d *smsDialogue) read(ctx context.Context) {
	defer close(d.lines)
	for in := bufio.NewScanner(d.env.Stdin); in.Scan(); {
		select {
		case d.lines <- strings.TrimSpace(in.Text()):
		case <-ctx.Done():
			return
		}
	}
}

// elsewhere waits for the login to end on the page, or for a key here.
func (d *smsDialogue) elsewhere(ctx context.Context) (done bool, err error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for lines := d.lines; ; {
		select {
		case _, typed := <-lines:
			if typed {
				return false, nil
			}
			lines = nil // nobody is at the keyboard; the page is left
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
			l, err := d.client.Login(ctx, d.login.ID)
			if err != nil {
				return false, err
			}
			if d.login = l; l.Ended() || l.State == client.LoginVerifying {
				return true, nil
			}
		}
	}
}

// ask asks for one line. The end of the input is the end of the dialogue.
func (d *smsDialogue) ask(ctx context.Context, question string) (string, error) {
	d.env.Ask(d.env.Language().Text("%s: ", cli.Format(question)))
	select {
	case line, ok := <-d.lines:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// send asks for the number and the captcha's values, and has a code sent.
func (d *smsDialogue) send(ctx context.Context) error {
	captcha, err := d.client.Captcha(ctx, d.login.ID)
	if err != nil {
		return err
	}
	s := client.SMSSend{Token: captcha.Token, Challenge: captcha.Challenge}
	if s.Country, err = d.country(ctx, captcha.Countries); err != nil {
		return err
	}
	if s.Phone, err = d.ask(ctx, "Phone number, without the country's code"); err != nil {
		return err
	}
	d.env.Say("Solve the captcha in a browser, with a page that shows geetest's widget (version 3):")
	d.env.Say("  gt         %s", captcha.GT)
	d.env.Say("  challenge  %s", captcha.Challenge)
	if s.Validate, err = d.ask(ctx, "validate, as the widget returned it"); err != nil {
		return err
	}
	l, err := d.client.SendSMS(ctx, d.login.ID, s)
	return d.after(l, err)
}

func (d *smsDialogue) country(ctx context.Context, list []client.Country) (id int, err error) {
	for {
		code, err := d.ask(ctx, "Country's calling code (Enter for 86, China)")
		if err != nil || code == "" {
			return 0, err
		}
		for _, c := range list {
			if c.Code == strings.TrimPrefix(code, "+") {
				return c.ID, nil
			}
		}
		d.env.Say("The site does not send messages to +%s.", strings.TrimPrefix(code, "+"))
	}
}

func (d *smsDialogue) submit(ctx context.Context) error {
	code, err := d.ask(ctx, "The code from the message (Enter for a new message)")
	if err != nil {
		return err
	}
	if code == "" {
		return d.send(ctx)
	}
	l, err := d.client.SubmitSMS(ctx, d.login.ID, client.SMSCode{Code: code})
	return d.after(l, err)
}

// after takes up what the keeper answered. What the site did not take is said,
// and asked for again.
func (d *smsDialogue) after(l client.Login, err error) error {
	if errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
		d.env.Say("%s", err)
		return nil
	}
	if err != nil {
		return err
	}
	d.login = l
	if l.State == client.LoginSMSSent {
		d.env.Say("The message is on its way.")
	}
	return nil
}
