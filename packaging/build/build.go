package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nfpm is pinned: what it writes into a package is part of what is reproduced.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"

// build makes the files of a release: what all targets share lies in stage, what
// people get in out.
type build struct {
	release
	out, stage string
}

// shared makes what is the same for all targets.
func (b build) shared() error {
	epoch := strconv.FormatInt(b.date.Unix(), 10)
	if err := b.goTool("run", "./packaging/manual", "-o", b.stage, "-version", b.version, "-date", epoch); err != nil {
		return err
	}
	if err := compressAll(b.stage, "man1/*.1", "man5/*.5"); err != nil {
		return err
	}
	changelog := filepath.Join(b.stage, "changelog.Debian")
	if err := os.WriteFile(changelog, []byte(b.changelog()), 0o644); err != nil {
		return err
	}
	if err := compress(changelog); err != nil {
		return err
	}
	if err := b.scripts("debian", "rpm", "archlinux", "alpine"); err != nil {
		return err
	}
	return b.goTool("install", nfpm)
}

// scripts copies what package managers run: an apk has the times of those files in it.
func (b build) scripts(folders ...string) error {
	for _, folder := range folders {
		paths, err := filepath.Glob(filepath.Join("packaging", folder, "*"))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(b.stage, folder), 0o755); err != nil {
			return err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			staged := filepath.Join(b.stage, folder, filepath.Base(path))
			if err := os.WriteFile(staged, text, 0o755); err != nil {
				return err
			}
			if err := os.Chtimes(staged, b.date, b.date); err != nil {
				return err
			}
		}
	}
	return nil
}

// changelog is in the form that Debian asks for.
func (b build) changelog() string {
	return fmt.Sprintf("bilikeeper (%s-1) unstable; urgency=medium\n\n  * See %s/blob/main/CHANGELOG.md\n\n -- %s  %s\n",
		strings.Replace(b.version, "-", "~", 1), homepage, maintainer, b.date.Format(time.RFC1123Z))
}

const (
	homepage   = "https://github.com/bilikeeper/bilikeeper"
	maintainer = "bilikeeper <bilikeeper@users.noreply.github.com>"
)

// goTool runs the go command for this machine, whatever is being built for.
func (b build) goTool(args ...string) error {
	return b.run([]string{"GOOS=", "GOARCH=", "GOARM=", "CGO_ENABLED=0", "GOBIN=" + filepath.Join(b.stage, "bin")}, "go", args...)
}

// target makes a binary and all that contains it.
func (b build) target(t target) error {
	binary := filepath.Join(b.out, fmt.Sprintf("bilikeeper_%s_linux_%s", b.version, t.name))
	if err := b.compile(t, binary); err != nil {
		return err
	}
	if err := listComponents(b.release, binary, binary+".cdx.json"); err != nil {
		return err
	}
	notices := filepath.Join(b.stage, "third-party.txt")
	if err := collectNotices(binary, notices); err != nil {
		return err
	}
	config := filepath.Join(b.stage, "nfpm.yaml")
	if err := b.configure(config, t, binary); err != nil {
		return err
	}
	env := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.date.Unix(), 10)}
	for _, packager := range []string{"deb", "rpm", "apk", "archlinux"} {
		if err := b.run(env, filepath.Join(b.stage, "bin", "nfpm"), "package", "--config", config, "--packager", packager, "--target", b.out+"/"); err != nil {
			return err
		}
	}
	return nil
}

// configure writes the packages' description with what is in ${…} filled in: nfpm
// itself does so in some of its keys only.
func (b build) configure(path string, t target, binary string) error {
	text, err := os.ReadFile(filepath.Join("packaging", "nfpm.yaml"))
	if err != nil {
		return err
	}
	values := map[string]string{
		"ARCH": t.nfpm, "VERSION": b.version, "STAGE": b.stage, "BINARY": binary, "MAINTAINER": maintainer, "HOMEPAGE": homepage,
	}
	filled := os.Expand(string(text), func(name string) string {
		value, ok := values[name]
		if !ok {
			err = fmt.Errorf("packaging/nfpm.yaml: nothing is known of ${%s}", name)
		}
		return value
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

// compile says everything that an environment could change about the result.
func (b build) compile(t target, binary string) error {
	env := []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + t.goarch, "GOARM=" + t.goarm,
		"GOAMD64=v1", "GO386=sse2", "GOARM64=v8.0", "GOEXPERIMENT=",
	}
	flags := fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s", b.version, b.commit)
	return b.run(env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", binary, "./cmd/bilikeeper")
}

// run runs a program, and shows what it said where it failed.
func (b build) run(env []string, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), args[0], err, out)
	}
	return nil
}

// compressAll puts files as gzip, without name and time in it, in their place.
func compressAll(dir string, patterns ...string) error {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := compress(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func compress(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, bytes.NewReader(text)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(path+".gz", b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}
