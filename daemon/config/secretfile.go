package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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

// Secrets are what a channel's files hold, and its URL and proxy, which may hold
// as much.
type Secrets struct {
	URL, Proxy, Token, ClientToken, Secret, Password secret.String
	// Signing are the secrets of a webhook, one and, while it is being replaced,
	// another.
	Signing []secret.String
}

// Secrets reads the files that the channel names.
func (n Notify) Secrets() (Secrets, error) {
	s := Secrets{URL: secret.New(strings.TrimSpace(n.URL)), Proxy: secret.New(n.Proxy)}
	for _, file := range n.secretFiles(&s) {
		if err := file.load(); err != nil {
			return Secrets{}, fmt.Errorf("%s: %w", file.key, err)
		}
	}
	return s, nil
}

// secretFile is a file with a secret, and what takes its text.
type secretFile struct {
	key, path string
	take      func(text string) error
}

func (s secretFile) load() error {
	text, err := readSecret(s.path)
	if err != nil {
		return err
	}
	return s.take(text)
}

// secretFiles lists the files that the channel names; their takers write into s.
func (n Notify) secretFiles(s *Secrets) []secretFile {
	list := []secretFile{
		{"url_file", n.URLFile, func(text string) error { return n.takeURL(text, &s.URL) }},
		{"secret_file", n.SecretFile, oneLine(&s.Secret)},
		{"token_file", n.TokenFile, oneLine(&s.Token)},
		{"client_token_file", n.ClientTokenFile, oneLine(&s.ClientToken)},
		{"password_file", n.PasswordFile, takePassword(&s.Password)},
	}
	if n.Type == NotifyWebhook {
		list[1].take = func(text string) (err error) {
			s.Signing, err = signing(text)
			return err
		}
	}
	return slices.DeleteFunc(list, func(f secretFile) bool { return f.path == "" })
}

// oneLine takes a secret that has no blanks in it.
func oneLine(into *secret.String) func(string) error {
	return func(text string) error {
		words := strings.Fields(text)
		switch len(words) {
		case 0:
			return &fileFault{"is empty", "put the secret into it"}
		case 1:
			*into = secret.New(words[0])
			return nil
		}
		return &fileFault{"holds more than one word", "put the secret alone into it"}
	}
}

// takePassword takes a line as it is: a password may begin with a blank.
func takePassword(into *secret.String) func(string) error {
	return func(text string) error {
		line := strings.TrimRight(text, "\r\n")
		switch {
		case line == "":
			return &fileFault{"is empty", "put the password into it"}
		case strings.ContainsAny(line, "\r\n\x00"):
			return &fileFault{"holds more than one line", "put the password alone into it"}
		}
		*into = secret.New(line)
		return nil
	}
}

func (n Notify) takeURL(text string, into *secret.String) error {
	if err := oneLine(into)(text); err != nil {
		return err
	}
	if fault := n.urlFault(into.Reveal()); fault != nil {
		return &fileFault{"holds what " + fault.what, fault.hint}
	}
	return nil
}

// signing reads the secrets of a webhook, one a line.
func signing(text string) ([]secret.String, error) {
	var secrets []secret.String
	for word := range strings.FieldsSeq(text) {
		encoded, ok := strings.CutPrefix(word, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) == 0 {
			return nil, &fileFault{"holds something that is no secret", `a secret is "whsec_" and base64, one a line`}
		}
		secrets = append(secrets, secret.New(word))
	}
	if len(secrets) == 0 {
		return nil, &fileFault{"is empty", `put "whsec_" and base64 into it`}
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
		return "", &fileFault{"is far too long for a secret", "put nothing else into it"}
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
		for _, file := range n.secretFiles(new(Secrets)) {
			if err := file.load(); err != nil {
				f.file(fmt.Sprintf("notify[%d].%s", i, file.key), file.path, err)
			}
		}
	}
	for i, o := range c.Output {
		for _, file := range o.secretFiles() {
			if err := file.load(); err != nil {
				f.file(fmt.Sprintf("output[%d].%s", i, file.key), file.path, err)
			}
		}
	}
	c.Serve.checkFiles(f)
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

// checkInline wants a configuration that holds secrets itself to be as closed as
// a secret's own file. A group may read it: a service's configuration often
// belongs to root, and to the group of the service.
func (c Config) checkInline(at places, path string) []Problem {
	info, err := os.Stat(path)
	if err != nil || checkMode(info, true) == nil || fromManager(path) {
		return nil
	}
	f := &faults{places: at}
	for i, n := range c.Notify {
		key := fmt.Sprintf("notify[%d]", i)
		kind, _ := n.kind()
		if n.URL != "" && (kind.secretURL || hasUser(n.URL)) {
			f.add(key+".url", "is a secret, and everybody can read this file", "put it into url_file, or run chmod 600 on the configuration")
		}
		if hasUser(n.Proxy) {
			f.add(key+".proxy", "holds a secret, and everybody can read this file", "run chmod 600 on the configuration")
		}
	}
	for i, o := range c.Output {
		o.checkInline(f, fmt.Sprintf("output[%d]", i))
	}
	return f.sorted()
}

// hasUser reports whether a URL says who somebody is.
func hasUser(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User != nil
}

func (f *faults) file(key, path string, err error) {
	if fault, ok := errors.AsType[*fileFault](err); ok {
		f.add(key, fmt.Sprintf("%s %s", path, fault.what), fault.hint)
		return
	}
	f.add(key, fmt.Sprintf("%s cannot be read: %v", path, err), "")
}
