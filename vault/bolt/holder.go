package bolt

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// HolderFile is beside the vault. It only informs; the lock decides.
const HolderFile = "keeper.pid"

// Process is who holds a vault.
type Process struct {
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Socket    string    `json:"socket"`
}

// Holder returns what the last holder of the vault in dir wrote about itself.
// A holder that was killed leaves it behind, so it tells who holds the vault
// only together with ErrInUse. ErrNotFound where there is none.
func Holder(dir string) (Process, error) {
	path := filepath.Join(dir, HolderFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Process{}, fault.New("read", path, fault.ErrNotFound)
	}
	if err != nil {
		return Process{}, fault.Disk("read", path, err)
	}
	p, err := parseHolder(text)
	if err != nil {
		return Process{}, fault.New("read", path, err)
	}
	return p, nil
}

func parseHolder(text []byte) (Process, error) {
	var p Process
	if err := json.Unmarshal(text, &p); err != nil || p.PID <= 0 {
		return Process{}, errors.New("does not name a process")
	}
	return p, nil
}

// Announce writes who holds the vault. A failure is let pass: a disk that is
// full must not keep the vault from being read. What an earlier holder wrote
// is taken away in any case, for a wrong process is worse than none. Nothing
// is flushed: after a power cut there is no holder.
func Announce(dir, socket string, now time.Time) {
	path := filepath.Join(dir, HolderFile)
	_ = os.Remove(path)
	text, err := json.Marshal(Process{PID: os.Getpid(), StartedAt: now.UTC().Truncate(time.Second), Socket: socket})
	if err != nil {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, err = f.Write(append(text, '\n'))
	if cerr := f.Close(); err != nil || cerr != nil {
		_ = os.Remove(path)
	}
}
