package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// release is what is built: everything that is made carries its version, and no
// other time than its date.
type release struct {
	version, commit string
	date            time.Time
}

// semver is what all four package managers understand and put into the same order.
var semver = regexp.MustCompile(`^\d+\.\d+\.\d+(-(alpha|beta|rc|git)\d+)?$`)

// identify takes from git what is not given.
func identify(version, commit, epoch string) (release, error) {
	var r release
	var err error
	if r.commit = commit; commit == "" {
		if r.commit, err = git("rev-parse", "HEAD"); err != nil {
			return r, fmt.Errorf("%w; -commit says it where there is no repository", err)
		}
	}
	if epoch == "" {
		if epoch, err = git("log", "-1", "--format=%ct"); err != nil {
			return r, fmt.Errorf("%w; SOURCE_DATE_EPOCH says the date where there is no repository", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return r, fmt.Errorf("the date %q is no number of seconds", epoch)
	}
	r.date = time.Unix(seconds, 0).UTC()
	if r.version = version; version == "" {
		r.version = versionOf(r.date)
	}
	if !semver.MatchString(r.version) {
		return r, fmt.Errorf("%q is no version such as 1.2.3 or 1.2.3-rc1", r.version)
	}
	return r, nil
}

// versionOf is the tag of the commit. A commit without one is older than every
// release, in the order of all package managers.
func versionOf(date time.Time) string {
	if tag, err := git("describe", "--tags", "--exact-match", "--match", "v*"); err == nil {
		return strings.TrimPrefix(tag, "v")
	}
	return "0.0.0-git" + date.Format("20060102150405")
}

func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}
