//go:build shells && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The completions in the shells that they are for: somebody types half a line at a
// terminal, presses the tabulator and then Enter, and the program is run with what
// the shell made of it.

// shell is one that is run without anybody's settings.
type shell struct {
	name string
	args func(completion string) []string
}

const prompt = "READY> "

var shells = []shell{
	{"bash", func(completion string) []string {
		return []string{"--noprofile", "--rcfile", completion + ".bash", "-i"}
	}},
	{"zsh", func(string) []string { return []string{"-i"} }},
	{"fish", func(completion string) []string {
		return []string{"--private", "--init-command", "function fish_prompt; echo -n '" + prompt + "'; end; function fish_greeting; end; source " + completion}
	}},
}

// typedLines are lines with a tabulator at the end of what is completed, and the
// arguments that come of them.
var typedLines = []struct {
	typed string
	want  []string
}{
	{"accou\tsh\tzeb\t", []string{"account", "show", "zebra"}},
	{"get zeb\t--format net\t", []string{"get", "zebra", "--format", "netscape"}},
	{"get --format=yut\tzeb\t", []string{"get", "--format=yutto", "zebra"}},
	{"get --tag rec\t", []string{"get", "--tag", "recorders"}},
	{"get 主\t", []string{"get", "主号"}},
	{"check zebra 主\t", []string{"check", "zebra", "主号"}},
	{"wait zebra --for need\t", []string{"wait", "zebra", "--for", "needs_login"}},
	{"login zebra --method s\t", []string{"login", "zebra", "--method", "sms"}},
	{"account set zeb\t--tags nightly,rec\t", []string{"account", "set", "zebra", "--tags", "nightly,recorders"}},
	{"exec zeb\t-- only-he\t", []string{"exec", "zebra", "--", "only-here"}},
	{"notify test pho\t", []string{"notify", "test", "phone"}},
	{"output run cur\t", []string{"output", "run", "curl-file"}},
	{"events --type login.su\t--account zeb\t", []string{"events", "--type", "login.succeeded", "--account", "zebra"}},
	{"vault slots add rec\t", []string{"vault", "slots", "add", "recovery"}},
	{"service install --manager openr\t", []string{"service", "install", "--manager", "openrc"}},
	{"setup --channel tele\t--channel-set tok\t", []string{"setup", "--channel", "telegram", "--channel-set", "token_file="}},
	{"config check --config a-f\t", []string{"config", "check", "--config", "a-file.toml"}},
	{"import a-f\t--account zeb\t", []string{"import", "a-file.toml", "--account", "zebra"}},
}

func TestShells(t *testing.T) {
	b := newBench(t, `
[[account]]
name = "zebra"
tags = ["recorders"]

[[account]]
name = "主号"

[[output]]
name = "curl-file"
account = "zebra"
format = "netscape"
path = "DIR/cookies.txt"
`)
	b.login("zebra", mid)
	b.login("主号", 300200100)
	for _, sh := range shells {
		t.Run(sh.name, func(t *testing.T) { testShell(t, b, sh) })
	}
}

func testShell(t *testing.T, b *bench, sh shell) {
	program, err := exec.LookPath(sh.name)
	if err != nil {
		t.Skipf("%s is not installed here", sh.name)
	}
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); sh.name == "bash" && err != nil {
		t.Skip("bash-completion is not installed here")
	}
	home := t.TempDir()
	real, err := exec.LookPath("bilikeeper")
	if err != nil {
		t.Fatal(err)
	}
	script, err := exec.Command(real, "completion", sh.name).Output()
	if err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(home, "ran")
	for name, text := range map[string]string{
		"completion": string(script), "completion.bash": "PS1='" + prompt + "'\n. " + library + "\n" + string(script), "a-file.toml": "", "bin/only-here": "#!/bin/sh\n",
		"bin/bilikeeper":        "#!/bin/sh\ncase $1 in __complete*) exec " + real + " \"$@\" ;; esac\nfor one; do printf '%s\\n' \"$one\"; done >" + ran + ".new\nmv " + ran + ".new " + ran + "\n",
		".zshrc":                "fpath=(" + home + "/functions $fpath)\nautoload -U compinit && compinit -u -d " + home + "/dump\n",
		"functions/_bilikeeper": string(script),
		// Where it has none, fish makes completions of all manual pages, for minutes.
		"fish/generated_completions/none.fish": "",
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, sh.args(filepath.Join(home, "completion"))...)
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + filepath.Join(home, "bin") + ":/usr/bin:/bin", "HOME=" + home, "ZDOTDIR=" + home, "TERM=vt100", "LANG=C.UTF-8",
		"PS1=" + prompt, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}
	for name, value := range b.env {
		if name != "HOME" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	tty := startAtTerminal(t, cmd, 200, 50)
	for i, line := range typedLines {
		tty.await(t, prompt, i+1)
		tty.write(t, "bilikeeper "+line.typed+"\r")
		var got []string
		err := retry(func() error {
			text, err := os.ReadFile(ran)
			got = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			return err
		})
		if _ = os.Remove(ran); err != nil || !slices.Equal(got, line.want) {
			t.Fatalf("%q became %q, want %q, %v; the terminal shows\n%s", line.typed, got, line.want, err, tty.text())
		}
	}
}
