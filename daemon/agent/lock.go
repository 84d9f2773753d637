package agent

import (
	"fmt"
	"os"

	"github.com/bilikeeper/bilikeeper/internal/filelock"
)

// lock takes the lock that lies at path, in a directory that is the user's alone,
// until release or the end of the process.
func lock(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take the agent's lock: %w", err)
	}
	taken, err := filelock.Try(f)
	if taken {
		return func() { _ = f.Close() }, nil
	}
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("take the agent's lock: %w", err)
	}
	return nil, ErrRunning
}
