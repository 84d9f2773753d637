package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The list of a binary's components is a CycloneDX document. Its fields are those
// of the specification, version 1.6.
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Licenses   []license  `json:"licenses,omitempty"`
		PURL       string     `json:"purl"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
	license struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// listComponents writes what the binary itself says that it was linked from.
func listComponents(r release, binary, path string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	main := component{
		Type: "application", Name: "bilikeeper", Version: r.version, PURL: purl(info.Main.Path, "v"+r.version),
		Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}}, Licenses: make([]license, 1),
		Properties: []property{{"bilikeeper:commit", r.commit}},
	}
	main.Ref = main.PURL
	main.Licenses[0].License.ID = "MIT"
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED" {
			main.Properties = append(main.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	list := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Serial:   serial(sum),
		Metadata: metadata{r.date.Format(time.RFC3339), main},
	}
	linked := dependency{Ref: main.Ref}
	for _, c := range libraries(info) {
		list.Components = append(list.Components, c)
		linked.DependsOn = append(linked.DependsOn, c.Ref)
		list.Dependencies = append(list.Dependencies, dependency{Ref: c.Ref, DependsOn: []string{}})
	}
	list.Dependencies = slices.Insert(list.Dependencies, 0, linked)
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// serial is a UUID of version 8, whose bits are one's own: the same binary has the
// same list.
func serial(sum [sha256.Size]byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// libraries are the modules that a binary was linked from, and the standard library.
func libraries(info *debug.BuildInfo) []component {
	version := strings.TrimPrefix(info.GoVersion, "go")
	std := purl("std", version)
	list := []component{{Type: "library", Ref: std, Name: "std", Version: version, PURL: std}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		p := purl(m.Path, m.Version)
		list = append(list, component{
			Type: "library", Ref: p, Name: m.Path, Version: m.Version, PURL: p,
			Properties: []property{{"go:sum", m.Sum}},
		})
	}
	return list
}

func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

// collectNotices writes the licences of all that the binary contains, as most of
// them ask for. A module without one is an error.
func collectNotices(binary, path string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("bilikeeper contains what follows, each under its own licence.\n")
	if err := notice(&b, "Go", strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	for _, m := range info.Deps {
		m = cmp.Or(m.Replace, m)
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", m.Path).Output()
		if err != nil {
			return fmt.Errorf("go list %s: %w", m.Path, err)
		}
		if err := notice(&b, m.Path+" "+m.Version, strings.TrimSpace(string(dir))); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func notice(b *strings.Builder, name, dir string) error {
	var found []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		found = append(found, slices.DeleteFunc(paths, isDirectory)...)
	}
	if len(found) == 0 {
		return fmt.Errorf("%s has no licence in %s", name, dir)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\n==== %s, %s ====\n\n%s\n", name, filepath.Base(path), strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
	}
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
