package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secretfile"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// fileFault is what is wrong with a file that the configuration names.
func fileFault(what, hint string) *setting.Fault {
	return &setting.Fault{What: what, Hint: hint}
}

// ReadSecret reads a file that nobody but its owner can, for the keeper that this
// process is.
func ReadSecret(path string) (string, error) {
	text, err := secretfile.This().Text(path)
	return text, readFault(err)
}

// ReadSecret is [ReadSecret] for who looks at the configuration of the keeper of
// these places, whose user may be another.
func (p Places) ReadSecret(path string) (string, error) {
	text, err := secretfile.For(p.StateDir, secretfile.Credentials()).Text(path)
	return text, readFault(err)
}

// readFault says what is wrong with a file without its path, which is in the
// message already.
func readFault(err error) error {
	if bad, ok := errors.AsType[*secretfile.Error](err); ok {
		return fileFault(bad.What, bad.Mend)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fileFault("does not exist", "make it, or remove the key")
	case errors.Is(err, fs.ErrPermission):
		return fileFault("cannot be read by this user", "make it the keeper's own, with mode 0600")
	}
	if bad, ok := errors.AsType[*fs.PathError](err); ok {
		return bad.Err
	}
	return err
}

// checkFiles looks at the files that the configuration names.
func (c Config) checkFiles(at positions, k Checks, read setting.Reader) []Problem {
	f := new(faults)
	look := func(f *setting.Faults, files []setting.File) {
		for _, file := range files {
			if _, err := file.Read(read); err != nil {
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
	look(&f.Faults, c.Store.files())
	for i, a := range c.Accounts {
		look(f.Table(fmt.Sprintf("account[%d]", i)), a.files())
	}
	if c.Page.PasswordFile != "" {
		look(&f.Faults, []setting.File{c.Page.passwordFile()})
	}
	return f.problems(at)
}

// checkPEM looks at the file that everything at the site depends on.
func (e Endpoints) checkPEM(at positions) []Problem {
	path := e.CorrespondKeyFile
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = fileFault("is not a regular file", "name a PEM file")
	case err == nil:
		return nil
	default:
		err = readFault(err)
	}
	f := new(faults)
	f.File("endpoints.correspond_key_file", path, err)
	return f.problems(at)
}

// SecretFiles returns the paths of all files with secrets that the configuration
// names, by keys that end in _file.
func SecretFiles(c Config) []string { return filesIn(reflect.ValueOf(c)) }

func filesIn(v reflect.Value) (paths []string) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return filesIn(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			paths = append(paths, filesIn(v.Index(i))...)
		}
	case reflect.Struct:
		for field := range v.Type().Fields() {
			key := setting.KeyOf(field)
			switch value := v.FieldByIndex(field.Index); {
			case !field.IsExported():
			case value.Kind() != reflect.String:
				paths = append(paths, filesIn(value)...)
			case strings.HasSuffix(key, "_file") && key != "correspond_key_file" && value.String() != "":
				paths = append(paths, value.String())
			}
		}
	}
	return paths
}

// checkInline wants a configuration that holds secrets itself to be as closed as
// a secret's own file. A group may read it: a service's configuration often
// belongs to root, and to the group of the service.
func (c Config) checkInline(at positions, path string, k Checks) []Problem {
	info, err := os.Stat(path)
	if err != nil || !errors.Is(secretfile.This().JudgeShared(path, info), secretfile.ErrExposed) {
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
