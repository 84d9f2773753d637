package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

const (
	// credentials is where systemd hands files to the service. It runs as a user
	// that exists only while it runs, so that no file can be that user's.
	credentials = "/run/credentials/bilikeeper.service/"
	// unitDropIns is the directory of what is added to the machine's unit.
	unitDropIns = "/etc/systemd/system/bilikeeper.service.d"
)

// served reports whether the keeper is, or will be, the machine's service, which may
// run as another user than this one.
func (s *setup) served() bool {
	return s.kind == kindSystem && (s.service || !s.running && !s.o.noService && s.manager != "")
}

// confined reports whether it runs in the confinement of the systemd unit.
func (s *setup) confined() bool { return s.served() && s.manager == cli.Systemd }

// keepSecret writes a secret where the keeper can read it, 0600, and returns what
// the configuration says of it. undo removes what is new.
func (s *setup) keepSecret(name, text string) (value string, undo func(), err error) {
	path, old, err := s.secretFile(&name, text)
	undo = func() {}
	switch {
	case err == nil && string(bytes.TrimRight(old, "\r\n")) == text:
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", nil, cannotWrite(err)
	default:
		isNew := err != nil
		if err := durable.MkdirAll(filepath.Dir(path), dirMode(s.file.mode)); err != nil {
			return "", nil, cannotWrite(err)
		}
		owner := ownerOf(s.file.path)
		if s.served() && !s.confined() {
			owner = ownerOfService()
		}
		if err := durable.WriteFile(path, []byte(text+"\n"), 0o600, owner...); err != nil {
			return "", nil, cannotWrite(err)
		}
		s.changed = true
		if undo = func() { _ = durable.WriteFile(path, old, 0o600) }; isNew {
			undo = func() { _ = os.Remove(path) }
		}
	}
	if !s.confined() {
		return name, undo, nil
	}
	s.restart = true // a service is handed its credentials when it starts
	err = s.dropIn("credential-"+name, "LoadCredential="+name+":"+path)
	return credentials + name, undo, err
}

// secretFile finds the file for a secret, and what it holds now. One of that name
// that the configuration does not name is somebody else's.
func (s *setup) secretFile(name *string, text string) (path string, old []byte, err error) {
	for i, first := 2, *name; ; i++ {
		path = filepath.Join(filepath.Dir(s.file.path), *name)
		old, err = os.ReadFile(path)
		if err != nil || string(bytes.TrimRight(old, "\r\n")) == text || bytes.Contains(s.file.text, []byte(*name)) {
			return path, old, err
		}
		*name = fmt.Sprintf("%s-%d", first, i)
	}
}

// dropIn adds a setting to the machine's unit.
func (s *setup) dropIn(name, setting string) error {
	path := filepath.Join(s.dropIns, name+".conf")
	text := []byte("[Service]\n" + setting + "\n")
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := durable.MkdirAll(s.dropIns, 0o755); err != nil {
		return cannotWrite(err)
	}
	if err := durable.WriteFile(path, text, 0o644); err != nil {
		return cannotWrite(err)
	}
	s.env.Say("Wrote %s.", path)
	s.changed, s.restart, s.reexamine = true, true, true
	return nil
}

// reread lets systemd read the units anew.
func (s *setup) reread() error {
	if !s.reexamine {
		return nil
	}
	s.reexamine = false
	if said, err := exec.Command("systemctl", "daemon-reload").CombinedOutput(); err != nil {
		return cli.Fail(cli.ExitFailed, "run: systemctl daemon-reload", "systemd did not read its units anew: %s", strings.TrimSpace(string(said)))
	}
	return nil
}

// plainName is a name that a file and a credential can have everywhere.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}
