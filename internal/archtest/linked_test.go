package archtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// plainProgram is what everybody installs. etcd's client would make each of its
// commands a third slower, so the other program links it.
const (
	plainProgram = "cmd/bilikeeper"
	etcdModule   = "go.etcd.io/etcd/"
)

// checkLinked wants the plain program free of etcd's client: nothing that it imports,
// however far away, imports that.
func checkLinked(module string, files []file) []string {
	byDir := map[string][]file{}
	for _, f := range files {
		if !f.test() {
			byDir[f.dir] = append(byDir[f.dir], f)
		}
	}
	var out []string
	seen := map[string]bool{plainProgram: true}
	for dirs := []string{plainProgram}; len(dirs) > 0; dirs = dirs[1:] {
		for _, f := range byDir[dirs[0]] {
			for _, spec := range f.ast.Imports {
				name, _ := strconv.Unquote(spec.Path.Value)
				if strings.HasPrefix(name, etcdModule) {
					out = append(out, f.breach(spec.Pos(), "%s links this package, and is to know nothing of %s", plainProgram, name))
				}
				if own, ours := strings.CutPrefix(name, module+"/"); ours && !seen[own] {
					seen[own] = true
					dirs = append(dirs, own)
				}
			}
		}
	}
	return slices.Compact(out)
}

func TestLinked(t *testing.T) {
	const etcd = "go.etcd.io/etcd/client/v3"
	of := func(pairs ...string) (files []file) {
		for i := 0; i < len(pairs); i += 2 {
			f, err := parse(pairs[i], "a.go", []byte("package x\nimport _ \""+pairs[i+1]+"\"\n"))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		return files
	}
	for _, tt := range []struct {
		name, want string
		files      []file
	}{
		{"at once", "cmd/bilikeeper/a.go:2", of(plainProgram, etcd)},
		{"far away", "vault/etcd/a.go:2", of(plainProgram, "m/daemon", "daemon", "m/vault/etcd", "vault/etcd", etcd)},
		{"in the other program", "", of(plainProgram, "m/daemon", "daemon", "m/vault", "cmd/bilikeeper-etcd", "m/vault/etcd", "vault/etcd", etcd)},
	} {
		if got := strings.Join(checkLinked("m", tt.files), "\n"); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
