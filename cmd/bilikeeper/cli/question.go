package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// ErrNobody says that nobody is there to answer.
var ErrNobody = errors.New("nobody answered")

// keyboard is the terminal that answers are typed at, nil where there is none.
func keyboard(in io.Reader) *os.File {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Ask puts a question, in the person's language already, and leaves the cursor
// behind it.
func (e *Env) Ask(question string) {
	text := strings.TrimRight(question, " ")
	_, _ = io.WriteString(e.Stderr, e.Screen(e.Stderr).Fold(text, 0)+question[len(text):])
}

// AskSecret asks for a line that is not shown while it is typed.
func (e *Env) AskSecret(prompt Message) (secret.String, error) {
	f := keyboard(e.Stdin)
	if f == nil {
		return secret.String{}, ErrNobody
	}
	defer e.work.hide()()
	e.Ask(e.Language().Text("%s: ", prompt))
	text, err := term.ReadPassword(int(f.Fd()))
	e.Ask("\n")
	if errors.Is(err, io.EOF) || err == nil && len(text) == 0 {
		return secret.String{}, ErrNobody
	}
	return secret.New(string(text)), err
}

// Confirm asks a person at a terminal before something that cannot be undone. A
// script is not asked.
func (e *Env) Confirm(ctx context.Context, yes bool, question string, args ...any) error {
	in := keyboard(e.Stdin)
	if yes || in == nil {
		return nil
	}
	defer e.work.hide()()
	e.Ask(e.Language().Text(question, args...) + " [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case said := <-answer:
		if said == "y" || said == "yes" || said == "是" {
			return nil
		}
		return Fail(ExitFailed, "", "nothing was changed")
	case <-ctx.Done():
		return Fail(ExitFailed, "", "interrupted; nothing was changed")
	}
}
