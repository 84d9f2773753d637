package packaging_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile, its continued lines joined.
type instruction struct{ word, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile("container/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var list []instruction
	open := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if before, continued := strings.CutSuffix(line, `\`); continued {
			open += before
			continue
		}
		word, rest, _ := strings.Cut(open+line, " ")
		list = append(list, instruction{word, strings.TrimSpace(rest)})
		open = ""
	}
	return list
}

var (
	fromLine = regexp.MustCompile(`^(\S+)(?: AS ([a-z]+))?$`)
	pinned   = regexp.MustCompile(`^[a-z/]+:[0-9.]+$`)
	inShell  = regexp.MustCompile(`(^|[;&| ])(sudo|cd|curl|wget|apt|apt-get|chmod -R) `)
	someone  = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
)

// What a linter of Dockerfiles looks for, as far as this one can have it.
func TestDockerfile(t *testing.T) {
	stages := map[string]map[string]string{} // the instructions of each, with those of its base
	arguments := map[string]bool{}
	var now map[string]string
	last := ""
	for _, i := range dockerfile(t) {
		switch i.word {
		case "FROM":
			m := fromLine.FindStringSubmatch(i.rest)
			if m == nil {
				t.Fatalf("FROM %s", i.rest)
			}
			now, last, arguments = map[string]string{}, m[2], map[string]bool{}
			base, own := stages[m[1]]
			for word, rest := range base {
				now[word] = rest
			}
			if !own && m[1] != "scratch" && !pinned.MatchString(m[1]) {
				t.Errorf("%s names no version", i.rest)
			}
			stages[m[2]] = now
		case "ARG":
			name, _, _ := strings.Cut(i.rest, "=")
			arguments[name] = true
		case "CMD", "ENTRYPOINT", "VOLUME":
			var words []string
			if json.Unmarshal([]byte(i.rest), &words) != nil {
				t.Errorf("%s %s needs a shell", i.word, i.rest)
			}
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(i.rest, "CMD ")
			if !json.Valid([]byte(command)) {
				t.Errorf("HEALTHCHECK %s needs a shell", i.rest)
			}
		case "RUN":
			if m := inShell.FindString(i.rest); m != "" {
				t.Errorf("RUN has %q: %s", m, i.rest)
			}
		case "COPY":
			if strings.HasPrefix(i.rest, "--from=") {
				from, _, _ := strings.Cut(strings.TrimPrefix(i.rest, "--from="), " ")
				if _, ok := stages[from]; !ok {
					t.Errorf("COPY %s: there is no such stage before it", i.rest)
				}
			}
		case "WORKDIR":
			if !strings.HasPrefix(i.rest, "/") {
				t.Errorf("WORKDIR %s", i.rest)
			}
		case "ENV", "EXPOSE", "STOPSIGNAL", "USER":
		default: // ADD, MAINTAINER and what is not known
			t.Errorf("%s has no place in it", i.word)
		}
		for _, m := range regexp.MustCompile(`\$\{([A-Z]+)\}`).FindAllStringSubmatch(i.rest, -1) {
			if !arguments[m[1]] {
				t.Errorf("%s %s: %s is no argument of the stage", i.word, i.rest, m[1])
			}
		}
		now[i.word] = i.rest
	}
	for _, name := range []string{"prebuilt", last} {
		for _, word := range []string{"ENTRYPOINT", "CMD", "HEALTHCHECK", "VOLUME", "STOPSIGNAL"} {
			if stages[name][word] == "" {
				t.Errorf("the stage %q has no %s", name, word)
			}
		}
		if user := stages[name]["USER"]; !someone.MatchString(user) {
			t.Errorf("the stage %q runs as %q", name, user)
		}
	}
}
