package agent

import "errors"

// ErrRunning says that the session has an agent already.
var ErrRunning = errors.New("another agent runs in this session")
