package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
)

// Command is a program and its arguments. There is no shell.
type Command []string

// Output is one place to which an account's credential is brought: a file, an
// address, or commands alone.
type Output struct {
	Name, Account string
	// Format is one of output.Formats. With a preset of a Push it stays empty.
	Format string
	// Template is the text of the format "template".
	Template string
	// WithRefreshToken hands the refresh token out as well. Whoever gets it ends
	// the keeper's session as soon as it uses it.
	WithRefreshToken bool

	// Path is the file, absolute. Its directory has to exist.
	Path string
	// Mode is the file's, 0 for 0600.
	Mode os.FileMode
	// Owner is "user", "user:group" or ":group", by name or number; "" leaves
	// the file to the keeper's own user.
	Owner string
	// InPlace writes into the file that is there, for a file that is mounted into
	// a container by itself: such a mount holds on to the file and never sees
	// one that takes its place. What it gives up is that the change is in one
	// piece: a reader in that moment sees parts of both contents, and a crash
	// can leave such a mixture, which the next start puts right. Where a
	// directory can be mounted instead, that is the better way.
	InPlace bool

	// Own are the files of the program itself, which no output writes.
	Own ownfile.Files

	// Push sends the credential instead of writing a file.
	Push *Push

	// OnChange are run one after another when the content has changed. A command
	// that fails ends the row; the row is tried three times, and again after the
	// next start, the next change, or RunNow.
	OnChange []Command
	// Timeout limits each write or request, HookTimeout each command; 0 means
	// DefaultTimeout.
	Timeout, HookTimeout time.Duration
	// Debounce is how long the commands wait for a further change.
	Debounce time.Duration
}

const (
	// DefaultTimeout is the time that a command, a write or a request may take.
	DefaultTimeout = 30 * time.Second
	// DefaultMode lets nobody but the owner at a file.
	DefaultMode = os.FileMode(0o600)
)

// target is where an output delivers to.
type target interface {
	// settled reports whether what was delivered before is, as far as can be
	// seen without reading it, still there.
	settled() bool
	// deliver reports whether the other side holds something else now than before.
	deliver(ctx context.Context, r output.Rendered) (changed bool, err error)
}

// prepared is an output that was checked.
type prepared struct {
	Output
	target target
	// place is where it goes, for people and for the digest. It holds no secret.
	place string
}

// prepare checks an output and makes its target.
func prepare(o Output) (prepared, error) {
	p := prepared{Output: o}
	p.Timeout, p.HookTimeout = cmp.Or(p.Timeout, DefaultTimeout), cmp.Or(p.HookTimeout, DefaultTimeout)
	if p.Mode == 0 {
		p.Mode = DefaultMode
	}
	if err := p.check(); err != nil {
		return prepared{}, err
	}
	switch {
	case o.Push != nil:
		push, err := newPusher(*o.Push)
		if err != nil {
			return prepared{}, err
		}
		p.target, p.place = push, push.place()
		if preset, ok := presets()[o.Push.Preset]; ok {
			p.Format = preset.format
		}
	case o.Path != "":
		if err := p.Own.Check(p.Path); err != nil {
			return prepared{}, err
		}
		file, err := newFile(p.Output)
		if err != nil {
			return prepared{}, err
		}
		p.target, p.place = file, file.path
	default:
		p.target, p.place = nothing{}, ""
	}
	return p, p.checkFormat()
}

func (p prepared) check() error {
	switch {
	case p.Name == "" || p.Account == "":
		return errors.New("an output needs a name and an account")
	case p.Path != "" && p.Push != nil:
		return errors.New("it has a path and a push; make two outputs of it")
	case p.Path == "" && p.Push == nil && len(p.OnChange) == 0:
		return errors.New("it has nowhere to deliver to")
	case p.Path != "" && !filepath.IsAbs(p.Path):
		return errors.New("its path is not absolute")
	case p.Mode.Perm() != p.Mode:
		return errors.New("its mode is not made of permissions alone")
	case p.Mode&0o007 != 0:
		return errors.New("its mode lets everybody at a credential")
	case min(p.Timeout, p.HookTimeout, p.Debounce) < 0:
		return errors.New("it has a negative duration")
	}
	for _, c := range p.OnChange {
		if len(c) == 0 || c[0] == "" {
			return errors.New("a command of on_change names no program")
		}
	}
	return nil
}

// checkFormat is last: a preset has a format of its own.
func (p prepared) checkFormat() error {
	if p.Path == "" && p.Push == nil {
		return nil // nothing is rendered
	}
	if p.Push != nil && p.Push.Preset != "" && p.Output.Template != "" {
		return errors.New("a preset makes its own request and takes no template")
	}
	info, ok := output.Describe(p.Format)
	switch {
	case !ok:
		return fmt.Errorf("%w %q", output.ErrUnknownFormat, p.Format)
	case p.WithRefreshToken && !info.RefreshToken:
		return fmt.Errorf("%w: %s", output.ErrNoRefreshToken, p.Format)
	case p.Format == "template":
		return output.CheckTemplate(p.Template)
	}
	return nil
}

func (p prepared) kind() string {
	switch {
	case p.Push != nil:
		return StagePush
	case p.Path != "":
		return StageFile
	}
	return StageHook
}

// address is the whole of where a push goes; another path is another place.
func (p prepared) address() string {
	if p.Push == nil {
		return ""
	}
	return p.Push.Preset + " " + p.Push.Method + " " + p.Push.URL + " " + p.Push.ContentType
}

// render writes the credential out as the target wants it. An output of
// commands alone has no text; all it needs to know is that there is another.
func (p prepared) render(c keeper.Credential) (output.Rendered, error) {
	if _, ok := p.target.(nothing); ok {
		return output.Render("json", c, output.Options{})
	}
	return output.Render(p.Format, c, output.Options{WithRefreshToken: p.WithRefreshToken, Template: p.Template})
}

// nothing is the target of an output that only runs commands.
type nothing struct{}

func (nothing) settled() bool { return true }

func (nothing) deliver(context.Context, output.Rendered) (bool, error) { return true, nil }
