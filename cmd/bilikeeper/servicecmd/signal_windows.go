package servicecmd

import "os"

// reloadSignals ask for the configuration to be read anew. Windows has none;
// POST /v1/reload does the same.
var reloadSignals []os.Signal
