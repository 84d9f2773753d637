package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// tool is a program that a credential is for.
type tool struct {
	name, format string
	// preset is set where the program takes it while it runs, by its URL.
	preset bool
	// file is how the program's file is called.
	file string
	// command is how the program is run, note what it needs besides; {path} and {name},
	// the output's, are replaced in the command.
	command, note string
}

func tools() []tool {
	return []tool{
		{name: "yt-dlp", format: "netscape", file: "cookies.txt", command: "yt-dlp --cookies {path} URL"},
		{name: "gallery-dl", format: "netscape", file: "cookies.txt", command: "gallery-dl --cookies {path} URL"},
		{name: "streamlink", format: "netscape", file: "cookies.txt", command: "streamlink --http-cookies-file {path} URL best"},
		{name: "curl", format: "netscape", file: "cookies.txt", command: "curl -b {path} URL"},
		// The cookies of a browser serve biliup's recorder; it uploads with the app's token.
		{name: "biliup", format: "biliup", file: "cookies.json", command: `bili_cookie_file = "{path}"`, note: "in biliup's config.toml, below [user]"},
		{name: "bbdown", format: "bbdown", file: bbdownFile, command: "BBDown URL", note: "it reads the file that lies beside it"},
		{name: "yutto", format: "yutto", file: "auth.toml", command: "yutto URL"},
		{name: "rsshub", format: "rsshub", file: "rsshub.env", command: "docker run --env-file {path} -p 1200:1200 diygod/rsshub"},
		{name: "blrec", preset: true, command: "bilikeeper output run {name}"},
		{name: "bililive-recorder", preset: true, command: "bilikeeper output run {name}"},
	}
}

// toolNamed finds a tool, or a format that is written to a file as it is.
func toolNamed(name string) (tool, bool) {
	name = strings.ToLower(name)
	all := tools()
	if i := slices.IndexFunc(all, func(t tool) bool { return t.name == name }); i >= 0 {
		return all[i], true
	}
	info, ok := output.Describe(name)
	return tool{name: name, format: name, file: "credential." + name, command: "cat {path}"}, ok && info.Whole && name != "template"
}

// outputStep is the step that adds an output, or changes one.
type outputStep struct{ *setup }

// add asks for an output and writes it into the configuration.
func (s outputStep) add(ctx context.Context) error {
	t, place, err := s.choose(ctx)
	if err != nil || t.name == "" {
		return err
	}
	web := strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
	if t.preset != web {
		if web {
			return cli.Fail(cli.ExitUsage, "name a file", "%s takes no credential at an address", t.name)
		}
		return cli.FailWith(cli.ExitUsage, cli.Format("name its address, as in %s=http://127.0.0.1:2233", t.name), "%s takes its credential while it runs, and not from %s", t.name, place)
	}
	account, err := s.account(ctx)
	if err != nil {
		return err
	}
	lines := []line{{"account", quoted(account)}}
	if web {
		lines = append(lines, line{"preset", quoted(t.name)}, line{"url", quoted(place)})
	} else {
		var mode string
		if place, mode, err = s.place(place); err != nil {
			return err
		}
		lines = append(lines, line{"format", quoted(t.format)}, line{"path", quoted(place)})
		if mode != "" {
			lines = append(lines, line{"mode", quoted(mode)})
		}
	}
	s.tool = t
	name := s.name(t.name, place)
	changed, err := s.file.put("output", name, append([]line{{"name", quoted(name)}}, lines...))
	if err != nil {
		return err
	}
	s.changed = s.changed || changed
	s.done.Output = &doneOutput{Name: name, Account: account, Path: place}
	if changed {
		s.env.Say("The output %s is in %s.", name, s.file.path)
	}
	return nil
}

// choose asks for whom, and where.
func (s outputStep) choose(ctx context.Context) (tool, string, error) {
	if s.o.noOutput || s.o.output == "" && s.person.yes {
		return tool{}, "", nil
	}
	if s.o.output != "" {
		name, place, ok := strings.Cut(s.o.output, "=")
		t, known := toolNamed(name)
		switch {
		case !ok || place == "":
			return t, "", cli.Fail(cli.ExitUsage, "write --output tool=path", "--output %q names no place", s.o.output)
		case !known:
			return t, "", cli.FailWith(cli.ExitUsage, cli.Format("there are %s, and the formats of bilikeeper get", strings.Join(toolNames(), ", ")), "there is no tool or format %q", name)
		}
		return t, place, nil
	}
	s.env.Say("\nAn output follows the credential: a file, or a program that runs. For which tool? %s, or a format of bilikeeper get.", strings.Join(toolNames(), ", "))
	name, err := s.person.choose(ctx, "Which one? (- for none)", skip, func(name string) bool { _, ok := toolNamed(name); return ok })
	if err != nil || name == skip {
		return tool{}, "", err
	}
	t, _ := toolNamed(name)
	question, fallback := "The file", s.usualFile(t)
	if t.preset {
		question, fallback = "The address that it listens on", "http://127.0.0.1:2233"
	}
	place, err := s.person.ask(ctx, question, fallback)
	if err != nil || place == "" || place == skip {
		return tool{}, "", err
	}
	return t, place, nil
}

func toolNames() []string {
	var names []string
	for _, t := range tools() {
		names = append(names, t.name)
	}
	return names
}

// bbdownFile is what BBDown looks for in its own directory.
const bbdownFile = "BBDown.data"

// usualFile is where a tool's file lies if nobody says otherwise.
func (s outputStep) usualFile(t tool) string {
	home := s.env.Getenv("HOME")
	if t.file == bbdownFile {
		if program, err := exec.LookPath("BBDown"); err == nil {
			return filepath.Join(filepath.Dir(program), t.file)
		}
	}
	if s.kind == kindSystem || home == "" {
		return ""
	}
	if t.name == "yutto" {
		return filepath.Join(home, ".config", "yutto", t.file)
	}
	return filepath.Join(home, ".local", "share", "bilikeeper", t.file)
}

// place is a file's whole path, whose directory is there and open to the
// service. mode is what the file needs so that those can read it who share the
// directory, "" for the usual one.
func (s outputStep) place(path string) (at, mode string, err error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(s.env.Getenv("HOME"), rest)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	dir := filepath.Dir(path)
	if !s.served() {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return "", "", cli.Fail(cli.ExitFailed, "", "make the directory of the output: %w", err)
		}
		return path, "", nil
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", "", cli.Fail(cli.ExitUsage, "make it, and let the keeper write there", "there is no directory %s", dir)
	}
	if !s.confined() {
		return path, "", nil
	}
	settings := "ReadWritePaths=" + dir
	if group := groupThatWrites(info); group != "" {
		// The service may give its files to nobody; a directory that hands its
		// group on does.
		settings += "\nSupplementaryGroups=" + group
		if info.Mode()&os.ModeSetgid != 0 {
			mode = "0640"
		}
	}
	return path, mode, s.dropIn("output-"+plainName(strings.Trim(dir, "/")), settings)
}

func (s outputStep) account(ctx context.Context) (string, error) {
	name := s.o.outputAccount
	if name == "" {
		name = s.done.Account
	}
	if name == "" && s.running {
		accounts, err := s.env.Client().Accounts(ctx)
		if err != nil {
			return "", err
		}
		if len(accounts) > 0 {
			name = accounts[0].Name
		}
	}
	if name == "" {
		name = "main"
	}
	if s.o.output != "" || s.o.outputAccount != "" {
		return name, nil
	}
	return s.person.ask(ctx, "Of which account", name)
}

// name is the name of the output that goes to a place, or one that is free.
func (s outputStep) name(tool, place string) string {
	all := s.file.config.Output
	if i := slices.IndexFunc(all, func(o config.Output) bool { return o.Path == place || o.URL == place }); i >= 0 {
		return all[i].Name
	}
	name := tool
	for i := 2; slices.ContainsFunc(all, func(o config.Output) bool { return o.Name == name }); i++ {
		name = fmt.Sprintf("%s-%d", tool, i)
	}
	return name
}

// write writes the output now, if its account is logged in.
func (s outputStep) write(ctx context.Context) error {
	o := s.done.Output
	if o == nil || !s.running {
		return nil
	}
	_, err := s.env.Client().RunOutput(ctx, o.Name)
	switch {
	case errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}), errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}):
		s.env.Say("The output %s is written when %s is logged in.", o.Name, o.Account)
		return nil
	case err != nil && s.confined() && strings.HasPrefix(o.Path, "/"):
		return cli.FailWith(s.env.Code(err), cli.Format("the service has to be let into the directory, outside of /home, /root and /tmp: install -d -m 2770 -g GROUP DIRECTORY makes one that it shares with a group; then run bilikeeper setup again"), "%w", err)
	case err != nil:
		return err
	}
	o.Written = true
	s.env.Say("The output %s is written: %s", o.Name, o.Path)
	return nil
}

// next are the commands for what was set up.
func (s *setup) next(in cli.Language) []string {
	account := s.done.Account
	if account == "" {
		account = "main"
	}
	list := []string{}
	if !s.running {
		list = append(list, "bilikeeper daemon")
	}
	if s.done.Account == "" {
		list = append(list, "bilikeeper login "+account)
	}
	o := s.done.Output
	if o == nil {
		return append(list, "bilikeeper exec "+account+" -- yt-dlp --cookies {cookies} URL", "bilikeeper get "+account, "bilikeeper status")
	}
	command := strings.NewReplacer("{path}", o.Path, "{name}", o.Name).Replace(s.tool.command)
	if s.tool.note != "" {
		command += "  # " + in.Told(s.tool.note)
	}
	list = append(list, command)
	if s.tool.name == "yt-dlp" {
		list = append(list, "bilikeeper exec "+o.Account+" -- yt-dlp --cookies {cookies} URL")
	}
	return append(list, "bilikeeper status")
}
