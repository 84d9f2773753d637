// Command build makes what is released: static binaries of both programs, packages of
// each for four package managers, a list of what each binary is made of, the context of the
// container image, and their checksums.
//
// Usage, in the root of the repository:
//
//	go run ./packaging/build [-o dist] [-only amd64,arm64] [-version 1.2.3]
//
// It needs Go and the way to a Go proxy. Version, commit and date come from git;
// where there is no repository, -version, -commit and SOURCE_DATE_EPOCH say them.
//
// What it guarantees: the same source and the same Go make the same bytes, wherever
// and whenever they are built.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// target is what a binary is built for.
type target struct {
	// name is the architecture in names of files, nfpm its name with the packager.
	name, nfpm    string
	goarch, goarm string
}

var targets = []target{
	{name: "amd64", nfpm: "amd64", goarch: "amd64"},
	{name: "arm64", nfpm: "arm64", goarch: "arm64"},
	{name: "armv7", nfpm: "arm7", goarch: "arm", goarm: "7"},
	{name: "386", nfpm: "386", goarch: "386"},
}

func main() {
	out := flag.String("o", "dist", "the `directory` for what is made")
	only := flag.String("only", "", "some of the `architectures` amd64, arm64, armv7, 386; all without it")
	version := flag.String("version", "", "the `version`, without a v; that of git without it")
	commit := flag.String("commit", "", "the `commit`; that of git without it")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, *only, *version, *commit); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(out, only, version, commit string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	r, err := identify(version, commit, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	if err := clear(out); err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "bilikeeper-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	fmt.Printf("bilikeeper %s, commit %s, %s\n", r.version, r.commit, r.date.Format("2006-01-02"))
	b := build{release: r, out: out, stage: stage}
	if err := b.shared(); err != nil {
		return err
	}
	for _, t := range chosen {
		fmt.Println(t.name)
		if err := b.target(t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return sums(out)
}

func choose(only string) ([]target, error) {
	if only == "" {
		return targets, nil
	}
	var chosen []target
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("nothing is built for %q", name)
		}
		chosen = append(chosen, targets[i])
	}
	return chosen, nil
}

// clear removes what an earlier build made, so that the checksums are those of one
// build.
func clear(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(out, "bilikeeper*"))
	if err != nil {
		return err
	}
	for _, path := range append(old, filepath.Join(out, sumsFile)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
