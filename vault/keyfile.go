package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// A key file is one line of text, so that it survives a mail, a copy and paste
// and an editor that adds a line's end.
const keyFilePrefix = "bilikeeper-key-1 "

// maxKeyFile bounds what is read of a file that may be anything.
const maxKeyFile = 4096

var errKeyFile = errors.New("this is not a key file")

func encodeKeyFile(key []byte) []byte {
	return []byte(keyFilePrefix + base64.StdEncoding.EncodeToString(key) + "\n")
}

func parseKeyFile(text []byte) ([]byte, error) {
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	encoded, ok := strings.CutPrefix(line, keyFilePrefix)
	// The decoder skips line ends inside the text.
	if !ok || strings.ContainsAny(encoded, "\r\n") {
		return nil, errKeyFile
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != keySize {
		return nil, errKeyFile
	}
	return key, nil
}

// readKeyFile refuses a key that others can read before it reads it.
func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Op: "read key", Path: path, Err: ErrKeyMissing}
	}
	if err != nil {
		return nil, diskError("read key", path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, &Error{Op: "read key", Path: path, Err: joinCause(ErrWrongKey, errKeyFile)}
	}
	if err := checkPrivate("read key", path, info); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, diskError("read key", path, err)
	}
	key, err := parseKeyFile(text)
	if err != nil {
		return nil, &Error{Op: "read key", Path: path, Err: joinCause(ErrWrongKey, err)}
	}
	return key, nil
}

// ensureKeyFile returns the key at path and makes one where there is none. It
// never replaces a file: of two programs that start for the first time at
// once, one makes the key and both use it.
func ensureKeyFile(path string) ([]byte, error) {
	key, err := readKeyFile(path)
	if !errors.Is(err, ErrKeyMissing) {
		return key, err
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, diskError("write key", path, err)
	}
	key = make([]byte, keySize)
	_, _ = rand.Read(key)
	err = durable.WriteFile(path, encodeKeyFile(key), 0o600, durable.Exclusive())
	if errors.Is(err, fs.ErrExist) {
		return readKeyFile(path)
	}
	if err != nil {
		return nil, diskError("write key", path, err)
	}
	return key, nil
}
