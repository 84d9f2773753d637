package keys

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// credentialPrefix begins the source of a slot that the service manager's
// credential opens: the directory is another one at each start.
const credentialPrefix = "credential:"

// CredentialSource is the source of a slot that a credential of the service
// manager opens.
func CredentialSource(name string) string { return credentialPrefix + name }

const (
	leastSecret   = 32
	leastDistinct = 8
)

// errNoCredentials keeps apart what is a fault of the file and what is the way
// in which this process was started.
var errNoCredentials = errors.New("this process was given no credentials")

// fileKey turns a file's content into a key: a key file's own, or any 32
// bytes and more. A line's end after a text does not count, because editors add
// one; what is not text keeps every byte.
func fileKey(content []byte) ([]byte, error) {
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
		return fault.ErrTooLarge
	case credential && (name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\:\x00")):
		return errors.New("a credential is named without a path")
	case !credential && !filepath.IsAbs(source):
		return errors.New("the file of a slot is named by its whole path")
	}
	return nil
}

// readSource reads the secret of a slot that a file opens.
func (s Sources) readSource(source string) ([]byte, error) {
	name, credential := strings.CutPrefix(source, credentialPrefix)
	switch {
	case !credential:
		key, err := readSecret(source, s.reader(), fileKey)
		if err != nil {
			return nil, err
		}
		if err := CheckDir(s.Dir, source); err != nil {
			return nil, err
		}
		return key, nil
	case s.Credentials == "":
		return nil, fault.New("read key", source, fault.Join(fault.ErrKeyMissing, errNoCredentials))
	}
	return readSecret(filepath.Join(s.Credentials, name), s.reader(), fileKey)
}
