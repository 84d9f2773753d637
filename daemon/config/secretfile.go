package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// secretPrefix is how a Standard Webhooks secret begins.
const secretPrefix = "whsec_"

// secretFileSize is far more than a few secrets need.
const secretFileSize = 64 << 10

// fileFault is what is wrong with a file that the configuration names.
type fileFault struct{ what, hint string }

func (e *fileFault) Error() string { return e.what + "; " + e.hint }

// Secrets reads the signing secrets from the channel's secret_file, one a
// line; there is more than one while a secret is being replaced. Without a
// file there are none.
func (n Notify) Secrets() ([]secret.String, error) {
	if n.SecretFile == "" {
		return nil, nil
	}
	text, err := readSecret(n.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("the secret file of %s: %w", n.Name, err)
	}
	var secrets []secret.String
	for word := range strings.FieldsSeq(text) {
		encoded, ok := strings.CutPrefix(word, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) == 0 {
			return nil, fmt.Errorf("the secret file of %s: %w", n.Name, &fileFault{
				"holds something that is no secret", `a secret is "whsec_" and base64, one a line`,
			})
		}
		secrets = append(secrets, secret.New(word))
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("the secret file of %s: %w", n.Name, &fileFault{
			"is empty", `put "whsec_" and base64 into it`,
		})
	}
	return secrets, nil
}

// readSecret reads a regular file that nobody but its owner can.
func readSecret(path string) (string, error) {
	// A look first: to open a pipe would wait for somebody to write to it.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return "", &fileFault{"is not a regular file", "name a file"}
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
		return "", &fileFault{"is far too long for secrets", `put "whsec_" and base64 into it, one a line`}
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
		return &fileFault{"does not exist", "make it, or remove the key"}
	case errors.Is(err, fs.ErrPermission):
		return &fileFault{"cannot be read by this user", "make it the keeper's own, with mode 0600"}
	}
	if bad, ok := errors.AsType[*fs.PathError](err); ok {
		return bad.Err // the path is in the message already
	}
	return err
}

// checkFiles looks at the files that the configuration names.
func (c Config) checkFiles(at places) []Problem {
	f := &faults{places: at}
	for i, n := range c.Notify {
		if _, err := n.Secrets(); err != nil {
			f.file(fmt.Sprintf("notify[%d].secret_file", i), n.SecretFile, err)
		}
	}
	if path := c.Endpoints.CorrespondKeyFile; path != "" {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = &fileFault{"is not a regular file", "name a PEM file"}
		} else if err != nil {
			err = openFault(err)
		}
		if err != nil {
			f.file("endpoints.correspond_key_file", path, err)
		}
	}
	return f.sorted()
}

func (f *faults) file(key, path string, err error) {
	if fault, ok := errors.AsType[*fileFault](err); ok {
		f.add(key, fmt.Sprintf("%s %s", path, fault.what), fault.hint)
		return
	}
	f.add(key, fmt.Sprintf("%s cannot be read: %v", path, err), "")
}
