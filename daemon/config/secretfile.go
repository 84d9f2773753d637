package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// secretFileSize is far more than a few secrets need.
const secretFileSize = 64 << 10

// fileFault is what is wrong with a file that the configuration names.
func fileFault(what, hint string) *setting.Fault {
	return &setting.Fault{What: what, Hint: hint}
}

// ReadSecret reads a regular file that nobody but its owner can.
func ReadSecret(path string) (string, error) {
	// A look first: to open a pipe would wait for somebody to write to it.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return "", fileFault("is not a regular file", "name a file")
	}
	if err != nil {
		return "", openFault(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", openFault(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return "", openFault(err)
	}
	if err := checkMode(info, fromManager(path)); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, secretFileSize+1))
	if err != nil {
		return "", openFault(err)
	}
	if len(data) > secretFileSize {
		return "", fileFault("is far too long for a secret", "put nothing else into it")
	}
	return string(data), nil
}

// fromManager reports whether systemd handed the file over. Its credentials
// are opened to the service by an access list, which shows up as group bits
// although no group has access.
func fromManager(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func openFault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fileFault("does not exist", "make it, or remove the key")
	case errors.Is(err, fs.ErrPermission):
		return fileFault("cannot be read by this user", "make it the keeper's own, with mode 0600")
	}
	if bad, ok := errors.AsType[*fs.PathError](err); ok {
		return bad.Err // the path is in the message already
	}
	return err
}

// checkFiles looks at the files that the configuration names.
func (c Config) checkFiles(at positions, k Checks) []Problem {
	f := new(faults)
	look := func(f *setting.Faults, files []setting.File) {
		for _, file := range files {
			if _, err := file.Read(ReadSecret); err != nil {
				f.File(file.Key, file.Path, err)
			}
		}
	}
	for i, n := range c.Notify {
		if n.Keys != nil {
			look(f.Table(fmt.Sprintf("notify[%d]", i)), setting.Files(n.Keys))
		}
	}
	for i, o := range c.Output {
		if k.OutputFiles != nil {
			look(f.Table(fmt.Sprintf("output[%d]", i)), k.OutputFiles(o))
		}
	}
	look(&f.Faults, c.Serve.files())
	look(&f.Faults, c.Heartbeat.files())
	for i, a := range c.Accounts {
		look(f.Table(fmt.Sprintf("account[%d]", i)), a.files())
	}
	if path := c.Endpoints.CorrespondKeyFile; path != "" {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fileFault("is not a regular file", "name a PEM file")
		} else if err != nil {
			err = openFault(err)
		}
		if err != nil {
			f.File("endpoints.correspond_key_file", path, err)
		}
	}
	return f.problems(at)
}

// checkInline wants a configuration that holds secrets itself to be as closed as
// a secret's own file. A group may read it: a service's configuration often
// belongs to root, and to the group of the service.
func (c Config) checkInline(at positions, path string, k Checks) []Problem {
	info, err := os.Stat(path)
	if err != nil || checkMode(info, true) == nil || fromManager(path) {
		return nil
	}
	f := new(faults)
	for i, n := range c.Notify {
		n.checkInline(f.Table(fmt.Sprintf("notify[%d]", i)), k)
	}
	for i, o := range c.Output {
		if k.InlineSecrets != nil {
			k.InlineSecrets(o, f.Table(fmt.Sprintf("output[%d]", i)))
		}
	}
	c.Heartbeat.checkInline(&f.Faults)
	for i, a := range c.Accounts {
		a.checkInline(f.Table(fmt.Sprintf("account[%d]", i)))
	}
	return f.problems(at)
}
