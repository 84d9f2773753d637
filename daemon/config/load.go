package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Load reads a file. No file at this user's default place is [Default]; a file
// at any other place was named by somebody and must exist. Relative paths in
// the file start at its own directory. The error of a file that was read is an
// [*Error].
func Load(path string, k Checks) (Config, error) {
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && path == Locate(Flags{}, noEnvConfig).Config {
		return Default(), nil
	}
	if err != nil {
		return Config{}, err
	}
	return load(data, Places{Config: path}, k, true)
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return data, nil
}

// noEnvConfig is the environment without the variable that names a file.
func noEnvConfig(name string) string {
	if name == envConfig {
		return ""
	}
	return os.Getenv(name)
}

// load reads a file's data; with files, it looks at the secrets' files too.
func load(data []byte, p Places, k Checks, files bool) (Config, error) {
	path := p.Config
	c, at, problems := read(data, k)
	if len(problems) == 0 {
		if dir, err := filepath.Abs(filepath.Dir(path)); err == nil {
			c.resolve(dir)
		}
		problems = slices.Concat(c.checkValues(at, k), c.Endpoints.checkPEM(at), c.checkInline(at, path, k))
		if files {
			problems = append(problems, c.checkFiles(at, k, p.With(c).ReadSecret)...)
		}
		if files && k.Build != nil && len(problems) == 0 {
			f := new(faults)
			k.Build(c, p.With(c), &f.Faults)
			problems = f.problems(at)
		}
	}
	return finish(c, path, problems)
}

// Parse reads data as a configuration; name stands for the file in errors. The
// files that it names are not looked at, and relative paths are left alone.
// The error is an [*Error].
func Parse(data []byte, name string, k Checks) (Config, error) {
	c, at, problems := read(data, k)
	if len(problems) == 0 {
		problems = c.checkValues(at, k)
	}
	return finish(c, name, problems)
}

// Validate checks the values of c and the files that it names, as [Load] does.
// The problems have no lines.
func (c Config) Validate(k Checks) []Problem {
	none := make(positions)
	return slices.Concat(c.checkValues(none, k), c.Endpoints.checkPEM(none), c.checkFiles(none, k, ReadSecret))
}

func finish(c Config, name string, problems []Problem) (Config, error) {
	if len(problems) > 0 {
		return Config{}, &Error{File: name, Problems: problems}
	}
	return c, nil
}

// read decodes data over the defaults.
func read(data []byte, k Checks) (Config, positions, []Problem) {
	// A byte order mark is what some editors put before a text.
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	root := k.documentType()
	at, problems := readShape(data, root)
	if len(problems) > 0 {
		return Config{}, at, problems
	}
	d := reflect.New(root)
	copyKeys(d.Elem(), reflect.ValueOf(Default()))
	// The walk has seen unknown keys and wrong types; what is left to the
	// decoder are keys given twice and numbers out of range. It stays strict,
	// so that a key which the walk overlooked is an error and not ignored.
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(d.Interface())
	if err != nil {
		return Config{}, at, []Problem{decodeProblem(err, at)}
	}
	c := k.fromDocument(d.Elem())
	c.fill()
	c.Endpoints.trim()
	return c, at, nil
}

// decodeProblem says in the file's terms what the decoder did not take.
func decodeProblem(err error, at positions) Problem {
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(unknown.Errors) > 0 {
		line, column := unknown.Errors[0].Position()
		return Problem{Line: line, Column: column, What: "is not a known key", Hint: "remove it"}
	}
	p := Problem{What: strings.ReplaceAll(err.Error(), "toml: ", "")}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		p.Line, p.Column = bad.Position()
		// The decoder's own key lacks the table for a key that is given twice.
		p.Key = at.key(position{line: p.Line, column: p.Column})
		if p.Key == "" {
			p.Key = strings.Join(bad.Key(), ".")
		}
	}
	if strings.Contains(p.What, "already") {
		p.What, p.Hint = "is given twice", "remove one"
	}
	return p
}

// resolve makes the paths absolute that the file gave relative to itself.
func (c *Config) resolve(dir string) {
	from := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) && !setting.FromHome(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	from(&c.StateDir)
	from(&c.Socket)
	from(&c.Backup.Dir)
	from(&c.Endpoints.CorrespondKeyFile)
	for i := range c.Notify {
		if keys := c.Notify[i].Keys; keys != nil {
			for _, path := range setting.Paths(keys) {
				from(path)
			}
		}
	}
	for i := range c.Output {
		o := &c.Output[i]
		for _, path := range []*string{&o.Path, &o.URLFile, &o.SecretFile} {
			from(path)
		}
	}
	for i := range c.Serve.CookieCloud {
		from(&c.Serve.CookieCloud[i].PasswordFile)
	}
	from(&c.Serve.RSSHub.TokenFile)
	from(&c.Heartbeat.URLFile)
	from(&c.Heartbeat.TokenFile)
	for i := range c.Accounts {
		from(&c.Accounts[i].ProxyFile)
	}
	from(&c.Page.PasswordFile)
	for _, path := range []*string{&c.Store.CAFile, &c.Store.CertFile, &c.Store.KeyFile, &c.Store.PasswordFile} {
		from(path)
	}
}
