package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// skip is the answer that leaves a step out.
const skip = "-"

// person answers the questions, line by line. With yes nobody is asked.
type person struct {
	env *cli.Env
	in  *bufio.Reader
	yes bool
}

func newPerson(env *cli.Env, yes bool) *person {
	return &person{env: env, in: bufio.NewReader(env.Stdin), yes: yes}
}

// ask returns what was answered, and fallback where nothing was.
func (p *person) ask(ctx context.Context, question, fallback string) (string, error) {
	if p.yes {
		return fallback, nil
	}
	question = p.env.Language().Told(question)
	if fallback != "" {
		question += " [" + fallback + "]"
	}
	p.env.Ask(p.env.Language().Text("%s: ", question))
	line, err := p.line(ctx, func() (string, error) { return p.in.ReadString('\n') })
	if err != nil {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return fallback, nil
	}
	return line, nil
}

// confirm asks for yes or no.
func (p *person) confirm(ctx context.Context, question string, fallback bool) (bool, error) {
	choice := "y/N"
	if fallback {
		choice = "Y/n"
	}
	for {
		answer, err := p.ask(ctx, fmt.Sprintf("%s (%s)", p.env.Language().Told(question), choice), "")
		if err != nil || answer == "" {
			return fallback, err
		}
		switch strings.ToLower(answer) {
		case "y", "yes", "是":
			return true, nil
		case "n", "no", "否", skip:
			return false, nil
		}
		p.env.Say("Answer y or n.")
	}
}

// secret asks for what is not shown at a terminal while it is typed.
func (p *person) secret(ctx context.Context, question string) (string, error) {
	f, ok := p.env.Stdin.(*os.File)
	hidden := ok && term.IsTerminal(int(f.Fd()))
	if hidden {
		question = p.env.Language().Text("%s (not shown)", question)
	}
	p.env.Ask(p.env.Language().Text("%s: ", question))
	text, err := p.line(ctx, func() (string, error) {
		if !hidden {
			return p.in.ReadString('\n')
		}
		typed, err := term.ReadPassword(int(f.Fd()))
		p.env.Ask("\n")
		return string(typed), err
	})
	return strings.TrimRight(text, "\r\n"), err
}

// line reads one line, until somebody interrupts.
func (p *person) line(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		text, err := read()
		came <- answer{text, err}
	}()
	select {
	case a := <-came:
		if errors.Is(a.err, io.EOF) && a.text == "" {
			p.env.Ask("\n")
			return "", cli.Fail(cli.ExitFailed, "--yes takes the answers in brackets; run it again to go on", "nobody answered; what was done so far stays")
		}
		if errors.Is(a.err, io.EOF) {
			a.err = nil
		}
		return a.text, a.err
	case <-ctx.Done():
		p.env.Ask("\n")
		return "", cli.Fail(cli.ExitFailed, "run it again to go on", "interrupted; what was done so far stays")
	}
}

// choose asks for one of several words, or for skip where that is the fallback.
func (p *person) choose(ctx context.Context, question, fallback string, known func(string) bool) (string, error) {
	for {
		answer, err := p.ask(ctx, question, fallback)
		if err != nil || answer == fallback || known(answer) {
			return answer, err
		}
		p.env.Say("%q is none of them.", answer)
	}
}
