package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/secretfile"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// A key file is one line of text, so that it survives a mail, a copy and paste
// and an editor that adds a line's end or a byte-order mark.
const keyFilePrefix = "bilikeeper-key-1 "

var errKeyFile = errors.New("this is not a key file")

func encodeKeyFile(key []byte) []byte {
	return []byte(keyFilePrefix + base64.StdEncoding.EncodeToString(key) + "\n")
}

func parseKeyFile(text []byte) ([]byte, error) {
	line := strings.TrimPrefix(string(text), "\ufeff")
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	encoded, ok := strings.CutPrefix(line, keyFilePrefix)
	// The decoder skips line ends inside the text.
	if !ok || strings.ContainsAny(encoded, "\r\n") {
		return nil, errKeyFile
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != seal.KeySize {
		return nil, errKeyFile
	}
	return key, nil
}

// readSecret reads the secret in a file, which nobody else may be able to read.
func readSecret(path string, r secretfile.Reader, parse func([]byte) ([]byte, error)) ([]byte, error) {
	const op = "read key"
	content, err := r.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(op, path, fault.ErrKeyMissing)
	case errors.Is(err, secretfile.ErrNotRegular), errors.Is(err, secretfile.ErrTooLong):
		return nil, fault.New(op, path, fault.Join(fault.ErrWrongKey, errKeyFile))
	case errors.Is(err, secretfile.ErrExposed), errors.Is(err, secretfile.ErrOwner):
		return nil, exposed(op, path, err)
	case err != nil:
		return nil, fault.Disk(op, path, err)
	}
	key, err := parse(content)
	if err != nil {
		return nil, fault.New(op, path, fault.Join(fault.ErrWrongKey, err))
	}
	return key, nil
}

func readKeyFile(path string, r secretfile.Reader) ([]byte, error) {
	return readSecret(path, r, parseKeyFile)
}

// ensureKeyFile returns the key at path and makes one where there is none. It
// never replaces a file: of two programs that start for the first time at
// once, one makes the key and both use it.
func ensureKeyFile(path string, r secretfile.Reader) ([]byte, error) {
	key, err := readKeyFile(path, r)
	if !errors.Is(err, fault.ErrKeyMissing) {
		return key, err
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.Disk("write key", path, err)
	}
	key = make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	err = durable.WriteFile(path, encodeKeyFile(key), 0o600, durable.Exclusive())
	if errors.Is(err, fs.ErrExist) {
		return readKeyFile(path, r)
	}
	return key, fault.Disk("write key", path, err)
}
