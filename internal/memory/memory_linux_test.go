package memory

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestReadOnly(t *testing.T) {
	const path = "/usr/bin/keeper of mine"
	for line, want := range map[string]string{
		"00401000-00e74000 r-xp 00001000 08:01 123   /usr/bin/keeper of mine\n":            "401000-e74000 true",
		"00e74000-019ef000 r--p 00a74000 08:01 123   /usr/bin/keeper of mine (deleted)\n":  "e74000-19ef000 true",
		"019ef000-01aa0000 rw-p 015ef000 08:01 123   /usr/bin/keeper of mine\n":            "0-0 false",
		"7f0000000000-7f0000100000 r--s 00000000 08:01 9   /var/lib/bilikeeper/vault.db\n": "0-0 false",
		"c000000000-c000400000 rw-p 00000000 00:00 0\n":                                    "0-0 false",
		"": "0-0 false",
	} {
		begin, end, ok := readOnly(line, path)
		if got := fmt.Sprintf("%x-%x %v", begin, end, ok); got != want {
			t.Errorf("%q is read as %s, want %s", line, got, want)
		}
	}
}

// The program goes on as before, with fewer pages.
func TestGiveBack(t *testing.T) {
	before := ofFiles(t)
	GiveBack()
	after := ofFiles(t)
	if after >= before {
		t.Errorf("%d pages of files were there, %d are now", before, after)
	}
}

// ofFiles is how many kilobytes are there of what is mapped from files.
func ofFiles(t *testing.T) (kilobytes int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "RssFile:")
	if _, err := fmt.Sscan(rest, &kilobytes); !ok || err != nil {
		t.Skip("this kernel does not tell")
	}
	return kilobytes
}
