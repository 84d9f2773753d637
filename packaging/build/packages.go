package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nfpm is pinned: what it writes into a package is part of what is reproduced.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"

const (
	homepage   = "https://github.com/bilikeeper/bilikeeper"
	maintainer = "bilikeeper <bilikeeper@users.noreply.github.com>"

	summary     = "Keeps Bilibili logins alive"
	description = `
bilikeeper keeps Bilibili logins alive and hands them to the tools that need
them: stream recorders, downloaders, scripts. It asks the site a few times a
day whether each login still works, rotates it when the site says that it is
time, and keeps it encrypted on disk. When a login has died it sends a QR code
to your phone or desktop.`
)

// program is what is built, and what its packages are made from.
type program struct {
	name, content, changelog string
	summary, description     string
}

var programs = []program{
	{"bilikeeper", "nfpm.yaml", "changelog.Debian", summary, description},
	{"bilikeeper-etcd", "nfpm-etcd.yaml", "changelog-etcd.Debian", "Keeps the accounts of bilikeeper in etcd", `
bilikeeper runs this program where its configuration says that the accounts are
kept in etcd. Everything else is in the package bilikeeper.`},
}

// pack makes one package.
func (b build) pack(t target, p program, binary, packager string) error {
	config := filepath.Join(b.stage, packager+".yaml")
	if err := b.configure(config, t, p, binary, packager); err != nil {
		return err
	}
	env := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.date.Unix(), 10)}
	return b.run(env, filepath.Join(b.stage, "bin", "nfpm"), "package", "--config", config, "--packager", packager, "--target", b.out+"/")
}

// configure writes a package's description with what is in ${…} filled in: nfpm
// itself does so in some of its keys only.
func (b build) configure(path string, t target, p program, binary, packager string) error {
	text, err := os.ReadFile(filepath.Join("packaging", p.content))
	if err != nil {
		return err
	}
	values := map[string]string{
		"ARCH": t.nfpm, "VERSION": b.version, "SCHEMA": "semver", "STAGE": b.stage, "BINARY": binary,
		"MAINTAINER": maintainer, "HOMEPAGE": homepage, "DESCRIPTION": strconv.Quote(p.summary + p.description),
	}
	switch packager {
	case "archlinux":
		// For pacman, letters right behind a version come before it; nfpm would leave
		// them out.
		values["VERSION"], values["SCHEMA"] = strings.Replace(b.version, "-", "", 1), "none"
		fallthrough
	case "apk":
		// These have one line for it.
		values["DESCRIPTION"] = strconv.Quote(p.summary)
	}
	filled := os.Expand(string(text), func(name string) string {
		value, ok := values[name]
		if !ok {
			err = fmt.Errorf("packaging/%s: nothing is known of ${%s}", p.content, name)
		}
		return value
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(filled), 0o644)
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
func (b build) changelog(name string) string {
	return fmt.Sprintf("%s (%s-1) unstable; urgency=medium\n\n  * See %s/blob/main/CHANGELOG.md\n\n -- %s  %s\n",
		name, strings.Replace(b.version, "-", "~", 1), homepage, maintainer, b.date.Format(time.RFC1123Z))
}
