package main

import (
	"strings"
	"testing"
	"time"
)

func TestIdentify(t *testing.T) {
	for version, good := range map[string]bool{
		"1.2.3": true, "0.0.0-git20261130075515": true, "1.2.3-rc1": true, "10.20.30-beta2": true,
		"v1.2.3": false, "1.2": false, "1.2.3-rc.1": false, "1.2.3-1": false, "1.2.3+x": false, "1.2.3 ": false,
	} {
		r, err := identify(version, "abc", "1796025315")
		if (err == nil) != good {
			t.Errorf("%q: %v", version, err)
		}
		if good && (r.version != version || r.commit != "abc" || !r.date.Equal(time.Date(2026, 11, 30, 7, 55, 15, 0, time.UTC))) {
			t.Errorf("%q: %+v", version, r)
		}
	}
	if _, err := identify("1.2.3", "abc", "yesterday"); err == nil {
		t.Error("a date without a meaning was taken")
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != 4 {
		t.Errorf("%v, %v", all, err)
	}
	some, err := choose("armv7,amd64")
	if err != nil || len(some) != 2 || some[0].goarm != "7" || some[1].goarch != "amd64" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := choose("arm64,mips"); err == nil || !strings.Contains(err.Error(), "mips") {
		t.Errorf("an unknown architecture: %v", err)
	}
}

func TestChangelog(t *testing.T) {
	b := build{release: release{version: "1.2.3-rc1", date: time.Date(2026, 11, 30, 7, 55, 15, 0, time.UTC)}}
	text := b.changelog("bilikeeper")
	if !strings.HasPrefix(text, "bilikeeper (1.2.3~rc1-1) unstable; urgency=medium\n\n  * ") || !strings.HasSuffix(text, ">  Mon, 30 Nov 2026 07:55:15 +0000\n") {
		t.Error(text)
	}
}
