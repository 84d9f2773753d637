package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module is a directory of a package in a module of its own, in which the test
// runs from here on.
func module(t *testing.T) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "notify", "example")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("UPDATE_GOLDEN", "")
}

func TestRenewed(t *testing.T) {
	module(t)
	for _, got := range []string{"one\n", "two\n", ""} {
		t.Setenv("UPDATE_GOLDEN", "1")
		if err := Compare("deep/a.golden", []byte(got)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("UPDATE_GOLDEN", "")
		if err := Compare("deep/a.golden", []byte(got)); err != nil {
			t.Errorf("%q was written just now: %v", got, err)
		}
	}
	if _, err := os.Stat(filepath.Join("testdata", "deep", "a.golden")); err == nil {
		t.Error("what is empty has a file")
	}
}

func TestLineEnds(t *testing.T) {
	module(t)
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "a.golden"), []byte("one\r\ntwo\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	Equal(t, "a.golden", "one\ntwo\n")
}

// TestFailureSaysWhatToDo: where the two differ, in a few lines, and how the file
// is written anew.
func TestFailureSaysWhatToDo(t *testing.T) {
	module(t)
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	same := strings.Repeat("the same line\n", 500)
	if err := os.WriteFile(filepath.Join("testdata", "a.golden"), []byte(same+"old\n"+same), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, got, want string }{
		{"a.golden", same + "new\n" + same, "testdata/a.golden is not what the test got:\n--- testdata/a.golden\n+++ got\n@@ -498,7 +498,7 @@\n"},
		{"a.golden", same + "new\n" + same, "-old\n+new\n"},
		{"a.golden", strings.ReplaceAll(same, "same", "other"), "lines more\n"},
		{"a.golden", "", "-the same line\n"},
		{"b.golden", "new\n", "testdata/b.golden is not there:\n"},
		{"b.golden", "new\n", "+new\n"},
		{"b.golden", same, "lines more\n"},
	} {
		err := Compare(test.file, []byte(test.got))
		if err == nil {
			t.Errorf("%s is the same as %.20q", test.file, test.got)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, test.want) || !strings.HasSuffix(text, "\nif this is meant: UPDATE_GOLDEN=1 go test ./notify/example") {
			t.Errorf("no %q in\n%s", test.want, text)
		}
		if n := strings.Count(text, "\n"); n > 30 {
			t.Errorf("%d lines:\n%s", n, text)
		}
	}
}
