package configcmd

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

func versionCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cli.Nothing,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo(env.Version, env.Commit)
			return env.Show(b, func() { env.Print("%s\n", b) })
		},
	}
}

// build is what is known of this binary.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

// String names the commit in the short form that git shows.
func (b build) String() string {
	commit := ""
	if b.Revision != "" {
		commit = "commit " + b.Revision[:min(12, len(b.Revision))] + ", "
	}
	return fmt.Sprintf("bilikeeper %s (%s%s, %s)", b.Version, commit, b.Go, b.System)
}

func buildInfo(version, commit string) build {
	b := build{Version: version, Revision: commit, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && b.Revision == "" {
			b.Revision = s.Value
		}
	}
	return b
}
