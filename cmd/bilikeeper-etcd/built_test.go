//go:build etcd && unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// hour is how long the hours last that limits speak of, in the keeper of the histories.
const hour = time.Minute

// change is a text in a source file that a build of the keeper has another one for. It has
// to be there exactly once: where it is not, the build fails.
type change struct{ file, text, with string }

// hurried has the keeper keep an account's hour, from which a stand-in for the site is
// exempt otherwise, and has hours pass sooner. How what was asked is counted, kept and
// handed on is not touched.
func hurried() []change {
	short := fmt.Sprintf("%d * time.Second", int(hour/time.Second))
	return []change{
		{"daemon/keeper/ways.go", "\t\tperHour = 0\n", "\t\tperHour = accountHour\n"},
		{"passport/limiter.go", "budgetWindow = time.Hour\n", "budgetWindow = " + short + "\n"},
		{"passport/spent.go", "hourLease   = time.Minute\n", "hourLease   = " + short + " / 60\n"},
		{"daemon/lifecycle/policy.go", "15*time.Minute", short + " / 4"},
		{"daemon/lifecycle/refresh.go", "now.Add(-time.Hour)", "now.Add(-" + short + ")"},
		{"daemon/lifecycle/refresh.go", "[len(last)-perHour].Add(time.Hour)", "[len(last)-perHour].Add(" + short + ")"},
	}
}

// hurriedPrograms is where the programs of the histories are, once they were built, and
// clockedPrograms those whose clocks can be wrong as well.
var (
	hurriedPrograms = sync.OnceValues(func() (string, error) { return variant("hurried", hurried(), nil) })
	clockedPrograms = sync.OnceValues(func() (string, error) { return variant("clocked", append(hurried(), clocked()...), clockedFiles()) })
)

// clocked has the wall clock of the keeper be as wrong as it is told to be, and leaves the
// monotonic one alone: so it is where somebody sets a machine's clock. A program of Go
// reads the clock without the C library, and a clock of its own is nothing that a process
// can be given; package time is one place that all of it passes. What the system stamps
// files with stays right.
func clocked() []change {
	return []change{{
		filepath.Join(timePackage(), "time.go"),
		"\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {\n",
		"\tsec, nsec, mono := runtimeNow()\n\tsec += wrong.Load()\n\tif mono == 0 {\n",
	}}
}

// timePackage is where Go's own package is.
func timePackage() string {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		panic(err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "src", "time")
}

// clockRead is how often it is read.
const clockRead = 20 * time.Millisecond

// clockedFiles are what is added for clocked: how wrong the clock is, and who says so from
// before the keeper begins.
func clockedFiles() map[string]string {
	return map[string]string{
		filepath.Join(timePackage(), "wrong.go"): `package time

import "sync/atomic"

var wrong atomic.Int64

func SetWrong(seconds int64) { wrong.Store(seconds) }
`,
		"cmd/bilikeeper-etcd/wrong.go": fmt.Sprintf(`package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	look := func() {
		text, _ := os.ReadFile(os.Getenv(%q))
		if seconds, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			time.SetWrong(seconds)
		}
	}
	look()
	go func() {
		for range time.Tick(%d) {
			look()
		}
	}()
}
`, clockVariable, clockRead),
	}
}

// variant builds the keeper with changes and files that are added, beside the program that runs it, and returns
// their directory, below that of the others.
func variant(name string, changes []change, added map[string]string) (string, error) {
	plain, err := programs()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(plain, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.Link(filepath.Join(plain, "bilikeeper"), filepath.Join(dir, "bilikeeper")); err != nil {
		return "", err
	}
	overlay, err := overlaid(dir, changes, added)
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", filepath.Join(dir, "bilikeeper-etcd"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the keeper %s: %w\n%s", name, err, out)
	}
	return dir, nil
}

// overlaid writes source files with changes and those that are added, and what go build is
// told of them.
func overlaid(dir string, changes []change, added map[string]string) (string, error) {
	texts := map[string]string{}
	for file, text := range added {
		texts[source(file)] = text
	}
	for _, c := range changes {
		file := source(c.file)
		if texts[file] == "" {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			texts[file] = string(text)
		}
		if n := strings.Count(texts[file], c.text); n != 1 {
			return "", fmt.Errorf("%s has %q %d times", c.file, c.text, n)
		}
		texts[file] = strings.Replace(texts[file], c.text, c.with, 1)
	}
	places := map[string]string{}
	for file, text := range texts {
		place := filepath.Join(dir, fmt.Sprintf("%d-%s", len(places), filepath.Base(file)))
		if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
			return "", err
		}
		places[file] = place
	}
	list, err := json.Marshal(map[string]any{"Replace": places})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// source is the path of a file of this module, or of one that is named in full.
func source(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	here, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return filepath.Join(here, "..", "..", file)
}
