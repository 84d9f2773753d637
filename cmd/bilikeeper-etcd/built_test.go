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
		{"daemon/lifecycle/refresh.go", "now.Add(-time.Hour)", "now.Add(-" + short + ")"},
		{"daemon/lifecycle/refresh.go", "[len(last)-perHour].Add(time.Hour)", "[len(last)-perHour].Add(" + short + ")"},
	}
}

// hurriedPrograms is where the programs of the histories are, once they were built.
var hurriedPrograms = sync.OnceValues(func() (string, error) { return variant("hurried", hurried()) })

// variant builds the keeper with changes, beside the program that runs it, and returns
// their directory, below that of the others.
func variant(name string, changes []change) (string, error) {
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
	overlay, err := overlaid(dir, changes)
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", filepath.Join(dir, "bilikeeper-etcd"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the keeper %s: %w\n%s", name, err, out)
	}
	return dir, nil
}

// overlaid writes source files with changes, and what go build is told of them.
func overlaid(dir string, changes []change) (string, error) {
	texts, places := map[string]string{}, map[string]string{}
	for _, c := range changes {
		file, err := filepath.Abs(filepath.Join("..", "..", c.file))
		if err != nil {
			return "", err
		}
		text, ok := texts[file]
		if !ok {
			all, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			text = string(all)
		}
		if n := strings.Count(text, c.text); n != 1 {
			return "", fmt.Errorf("%s has %q %d times", c.file, c.text, n)
		}
		texts[file] = strings.Replace(text, c.text, c.with, 1)
	}
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
