package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// channelStep is the step that adds a channel, or changes one.
type channelStep struct{ *setup }

// add asks for a channel until it is right, or nobody wants it any more.
func (s channelStep) add(ctx context.Context) error {
	kind, err := s.choose(ctx)
	if err != nil || kind.Name == "" {
		return err
	}
	for {
		err := s.write(ctx, kind)
		wrong, fault := errors.AsType[*config.Error](err)
		if !fault || s.person.yes || s.o.channel != "" {
			return err
		}
		s.env.SayError(wrong)
		again, err := s.person.confirm(ctx, "Enter its settings again?", true)
		if err != nil || !again {
			return err
		}
	}
}

func (s channelStep) choose(ctx context.Context) (setting.Kind, error) {
	if s.o.noChannel {
		return setting.Kind{}, nil
	}
	choice := s.o.channel
	if choice == "" {
		fallback := skip
		if len(s.file.config.Notify) > 0 {
			for _, n := range s.file.config.Notify {
				s.env.Say("There is a channel: %s (%s).", n.Name, n.Type)
			}
		} else if s.kind != kindSystem && s.env.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
			fallback = "desktop"
		}
		if !s.person.yes {
			s.env.Say("\nA channel brings the code to you when a login has died: %s.", strings.Join(kindNames(), ", "))
		}
		var err error
		choice, err = s.person.choose(ctx, "Which one? (- for none)", fallback, func(name string) bool { _, ok := kindOf(name); return ok || name == skip })
		if err != nil || choice == skip {
			return setting.Kind{}, err
		}
	}
	kind, ok := kindOf(choice)
	if !ok {
		return kind, cli.FailWith(cli.ExitUsage, cli.Format("there are %s", strings.Join(kindNames(), ", ")), "there is no channel of type %q", choice)
	}
	return kind, nil
}

// write asks for the keys of a channel and writes it.
func (s channelStep) write(ctx context.Context, kind setting.Kind) error {
	name := cmp.Or(s.o.channelName, kind.Name)
	if s.o.channel == "" {
		var err error
		if name, err = s.person.ask(ctx, "A name for it", name); err != nil {
			return err
		}
		s.o.channelName = name // also where its settings are asked for again
	}
	if !config.ValidName(name) {
		return cli.Fail(cli.ExitUsage, "", "%q cannot be a channel's name", name)
	}
	if i := slices.IndexFunc(s.file.config.Notify, func(n config.Notify) bool { return n.Name == name && n.Type != kind.Name }); i >= 0 {
		return cli.Fail(cli.ExitUsage, "name this one with --channel-name", "there is a channel %s already, of type %s", name, s.file.config.Notify[i].Type)
	}
	values, err := s.values(ctx, kind)
	if err != nil {
		return err
	}
	lines, undo, err := s.lines(kind, name, values)
	if err != nil {
		undo()
		return err
	}
	changed, err := s.file.put("notify", name, lines)
	if err != nil {
		undo()
		return err
	}
	s.changed = s.changed || changed
	s.done.Channel = &doneChannel{Name: name, Type: kind.Name}
	if changed {
		s.env.Say("The channel %s is in %s.", name, s.file.path)
	}
	return nil
}

// value is what a key of a channel is to have. Of a secret it is the secret.
type value struct{ key, text string }

// values are the answers for the keys of a type.
func (s channelStep) values(ctx context.Context, kind setting.Kind) ([]value, error) {
	var given []value
	for _, one := range s.o.channelSet {
		name, text, _ := strings.Cut(one, "=")
		if strings.HasSuffix(name, "_file") {
			var err error
			if text, err = s.secretFrom(text); err != nil {
				return nil, err
			}
		} else if name == "url" && kind.SecretURL {
			name = "url_file"
		}
		given = append(given, value{name, text})
	}
	has := func(name string) bool {
		return slices.ContainsFunc(given, func(v value) bool { return v.key == name })
	}
	for _, k := range keysOf(kind) {
		switch {
		case has(k.name) || s.o.channel != "" && !k.required:
			continue
		case s.person.yes || s.o.channel != "":
			if s.has(kind, k) {
				continue
			}
			return nil, cli.FailWith(cli.ExitUsage, cli.Format("add --channel-set %s=…", k.name), "a channel of type %s needs %s", kind.Name, k.name)
		case slices.ContainsFunc(strings.Split(k.instead, "|"), has):
			continue
		}
		text, err := s.askKey(ctx, k)
		if err != nil {
			return nil, err
		}
		if text != "" && text != skip {
			given = append(given, value{k.name, text})
		}
	}
	return given, nil
}

// has reports whether the channel that is changed has a key already.
func (s channelStep) has(kind setting.Kind, k key) bool {
	name := cmp.Or(s.o.channelName, kind.Name)
	for _, n := range s.file.config.Notify {
		if n.Name == name && n.Keys != nil && slices.Contains(setting.Given(n.Keys), k.name) {
			return true
		}
	}
	return false
}

func (s channelStep) askKey(ctx context.Context, k key) (string, error) {
	if k.about != "" {
		s.env.Say("  %s", cli.Format(k.about))
	}
	question := "  " + k.label()
	if !k.required {
		question += s.env.Language().Text(" (may be left empty)")
	}
	if example := strings.Trim(k.value, `"[]`); example != "" && !k.secret() {
		question += s.env.Language().Text(", for example %s", example)
	}
	for {
		var text string
		var err error
		if k.secret() {
			text, err = s.person.secret(ctx, question)
		} else {
			text, err = s.person.ask(ctx, question, "")
			text = unquoted(text)
		}
		if err != nil || text != "" || !k.required {
			return text, err
		}
		s.env.Say("  It is needed.")
	}
}

// unquoted is an answer that was written as it would stand in the file.
func unquoted(text string) string {
	if inner, ok := strings.CutPrefix(text, `"`); ok && strings.HasSuffix(inner, `"`) {
		return strings.TrimSuffix(inner, `"`)
	}
	return text
}

// secretFrom reads a secret that a flag named a file of.
func (s channelStep) secretFrom(path string) (string, error) {
	var data []byte
	var err error
	if path == skip {
		data, err = io.ReadAll(io.LimitReader(s.person.in, 64<<10))
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return "", cli.Fail(cli.ExitUsage, "name a file that holds the secret", "read the secret: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// lines are the lines of an entry; its secrets are kept on the way. undo
// removes them again.
func (s channelStep) lines(kind setting.Kind, name string, values []value) (lines []line, undo func(), err error) {
	undoes := []func(){}
	undo = func() {
		for _, f := range undoes {
			f()
		}
	}
	lines = []line{{"name", quoted(name)}, {"type", quoted(kind.Name)}}
	for _, v := range values {
		if v.key == "url" && setting.HasUser(v.text) {
			v.key = "url_file" // it holds a password
		}
		if !strings.HasSuffix(v.key, "_file") {
			lines = append(lines, line{v.key, written(kind, v.key, v.text)})
			continue
		}
		at, back, err := s.keepSecret(plainName(fmt.Sprintf("%s.%s", name, strings.TrimSuffix(v.key, "_file"))), v.text)
		if back != nil {
			undoes = append(undoes, back)
		}
		if err != nil {
			return nil, undo, err
		}
		lines = append(lines, line{v.key, quoted(at)})
	}
	return lines, undo, nil
}

// sample sends a sample through the channel and asks whether it came.
func (s channelStep) sample(ctx context.Context) error {
	c := s.done.Channel
	if c == nil {
		return nil
	}
	if !s.running {
		s.env.Say("When a keeper runs, bilikeeper notify test %s sends a sample.", c.Name)
		return nil
	}
	result, err := s.env.Client().TestChannel(ctx, c.Name)
	if err != nil {
		return err
	}
	if c.Delivered = result.Delivered; !c.Delivered {
		return cli.FailWith(cli.ExitFailed, cli.Format("mend it and run bilikeeper setup again, or bilikeeper notify test %s", c.Name), "the sample was not delivered through %s: %s", c.Name, cli.Format(result.Error))
	}
	s.env.Say("A sample was sent through %s.", c.Name)
	came, err := s.person.confirm(ctx, "Did it come?", true)
	if err == nil && !came {
		c.Delivered = false
		s.env.Warn("the service took it, and it did not come: look into its spam folder, at its notifications on the phone, and at the channel's keys in %s", s.file.path)
	}
	return err
}
