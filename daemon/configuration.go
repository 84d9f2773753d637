package daemon

import (
	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	known "github.com/bilikeeper/bilikeeper/notify/channels"
)

// BuildChecks are [Checks] that build each part of the configuration, as the
// daemon does.
func BuildChecks() config.Checks {
	k := Checks()
	k.Build = parts.Check
	return k
}

// Checks are what the rooms know of their parts of the configuration.
func Checks() config.Checks {
	return config.Checks{
		Channels: known.Kinds(), Verbs: socket.Verbs(), Schedule: schedule.Check, Texts: catalog.Check,
		Outputs: output.Check, OutputFiles: output.Files, InlineSecrets: output.CheckInline,
	}
}
