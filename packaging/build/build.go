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
)

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
	for _, p := range programs {
		changelog := filepath.Join(b.stage, p.changelog)
		if err := os.WriteFile(changelog, []byte(b.changelog(p.name)), 0o644); err != nil {
			return err
		}
		if err := compress(changelog); err != nil {
			return err
		}
	}
	if err := b.scripts("debian", "rpm", "archlinux", "alpine", "openrc"); err != nil {
		return err
	}
	return b.goTool("install", nfpm)
}

// goTool runs the go command for this machine, whatever is being built for.
func (b build) goTool(args ...string) error {
	return b.run([]string{"GOOS=", "GOARCH=", "GOARM=", "CGO_ENABLED=0", "GOBIN=" + filepath.Join(b.stage, "bin")}, "go", args...)
}

// target makes the programs and all that contains them.
func (b build) target(t target) error {
	for _, p := range programs {
		if err := b.program(t, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (b build) program(t target, p program) error {
	binary := filepath.Join(b.out, fmt.Sprintf("%s_%s_linux_%s", p.name, b.version, t.name))
	if err := b.compile(t, p, binary); err != nil {
		return err
	}
	if err := listComponents(b.release, binary, binary+".cdx.json"); err != nil {
		return err
	}
	notices := filepath.Join(b.stage, "third-party.txt")
	if err := collectNotices(binary, notices); err != nil {
		return err
	}
	for _, packager := range []string{"deb", "rpm", "apk", "archlinux"} {
		if err := b.pack(t, p, binary, packager); err != nil {
			return err
		}
	}
	return nil
}

// compile says everything that an environment could change about the result.
func (b build) compile(t target, p program, binary string) error {
	env := []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + t.goarch, "GOARM=" + t.goarm,
		"GOAMD64=v1", "GO386=sse2", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=",
	}
	flags := fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s", b.version, b.commit)
	return b.run(env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", binary, "./cmd/"+p.name)
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
