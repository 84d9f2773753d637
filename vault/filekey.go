package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// credentialPrefix begins the source of a slot that the service manager's
// credential opens: the directory is another one at each start.
const credentialPrefix = "credential:"

// CredentialSource is the source of a slot that a credential of the service
// manager opens.
func CredentialSource(name string) string { return credentialPrefix + name }

const (
	leastSecret    = 32
	leastDistinct  = 8
	maxSecretBytes = 64 << 10
)

// errNoCredentials keeps apart what is a fault of the file and what is the way
// in which this process was started.
var errNoCredentials = errors.New("this process was given no credentials")

// fileSecret turns a file's content into a secret: a key file's key, or any 32
// bytes and more. A line's end after a text does not count, because editors add
// one; noise keeps every byte.
func fileSecret(content []byte) ([]byte, error) {
	if key, err := parseKeyFile(content); err == nil {
		return key, nil
	}
	if utf8.Valid(content) && !bytes.ContainsFunc(bytes.TrimRight(content, "\r\n"), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		content = bytes.TrimRight(content, "\r\n")
	}
	distinct := map[byte]struct{}{}
	for _, b := range content {
		distinct[b] = struct{}{}
	}
	if len(content) < leastSecret || len(distinct) < leastDistinct {
		return nil, fmt.Errorf("%w: a file that opens a vault holds a key file's line, or 32 bytes and more that cannot be guessed", ErrWeak)
	}
	return content, nil
}

// checkSource takes an absolute path, or a credential's name.
func checkSource(source string) error {
	name, credential := strings.CutPrefix(source, credentialPrefix)
	switch {
	case len(source) > maxSource:
		return ErrTooLarge
	case credential && (name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\:\x00")):
		return errors.New("a credential is named without a path")
	case !credential && !filepath.IsAbs(source):
		return errors.New("the file of a slot is named by its whole path")
	}
	return nil
}

// readSource reads the secret of a slot that a file opens.
func (k Keys) readSource(source string) ([]byte, error) {
	path, credential := source, false
	if name, ok := strings.CutPrefix(source, credentialPrefix); ok {
		if k.Credentials == "" {
			return nil, &Error{Op: "read key", Path: source, Err: joinCause(ErrKeyMissing, errNoCredentials)}
		}
		path, credential = filepath.Join(k.Credentials, name), true
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Op: "read key", Path: path, Err: ErrKeyMissing}
	}
	if err != nil {
		return nil, diskError("read key", path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretBytes {
		return nil, &Error{Op: "read key", Path: path, Err: joinCause(ErrWrongKey, errKeyFile)}
	}
	if err := checkSecretFile(path, info, credential); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, diskError("read key", path, err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxSecretBytes))
	if err != nil {
		return nil, diskError("read key", path, err)
	}
	secret, err := fileSecret(content)
	if err != nil {
		return nil, &Error{Op: "read key", Path: path, Err: joinCause(ErrWrongKey, err)}
	}
	return secret, nil
}

// checkSecretFile refuses a secret that others can read or replace. The service
// manager lets the service in by an access list, which shows as the group's
// bits of the mode; the directory is closed then.
func checkSecretFile(path string, info fs.FileInfo, credential bool) error {
	if credential {
		return checkClosed("read key", path, info)
	}
	if err := checkPrivate("read key", path, info); err != nil {
		return err
	}
	return checkKeyDir(path)
}
