package setup

import (
	"os"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// ownerOfService does nothing: the service is the system itself here.
func ownerOfService() []durable.Option { return nil }

// ownerOf does nothing: a file gets its rights from its directory here.
func ownerOf(string) []durable.Option { return nil }

// groupThatWrites is none: no service is kept out of a directory here.
func groupThatWrites(os.FileInfo) string { return "" }
