package output

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Files lists the files with secrets that an output names.
func Files(o config.Output) []setting.File {
	e := entry{o}
	list := []setting.File{
		{Key: "url_file", Path: o.URLFile, Form: setting.URL(e.urlFault)},
		{Key: "secret_file", Path: o.SecretFile, Form: e.secret},
	}
	return slices.DeleteFunc(list, func(f setting.File) bool { return f.Path == "" })
}

// secret is what a push proves itself with.
func (o entry) secret(text string) (string, error) {
	switch o.Preset {
	case PresetBlrec, PresetBiliSync:
		return setting.Word(text)
	case "":
		if setting.Quoted(text) {
			return "", &setting.Fault{What: "holds quotes around the secret", Hint: "write it without them"}
		}
	}
	s, err := setting.Line(strings.TrimSpace(text))
	if err == nil && o.Preset == PresetBililiveRecorder && !strings.Contains(s, ":") {
		err = &setting.Fault{What: `is no "user:password"`, Hint: "write what the recorder was started with"}
	}
	return s, err
}

// Address returns where an output is sent to, "" where it is not sent.
func Address(o config.Output, read setting.Reader) (secret.String, error) {
	if o.URLFile == "" {
		return secret.New(strings.TrimSpace(o.URL)), nil
	}
	address, err := setting.File{Path: o.URLFile, Form: setting.URL(entry{o}.urlFault)}.Read(read)
	if err != nil {
		return secret.String{}, fmt.Errorf("url_file: %s %w", o.URLFile, err)
	}
	return address, nil
}

// secretHeader is a part of the name of a header that holds a secret.
var secretHeader = lazyregexp.New(`(?i)auth|cookie|key|pass|secret|token`)

// CheckInline wants no secret in a configuration that everybody can read.
func CheckInline(o config.Output, f *setting.Faults) {
	const what, hint = "may be a secret, and everybody can read this file", "run chmod 600 on the configuration"
	if u, err := url.Parse(o.URL); err == nil && (u.User != nil || u.RawQuery != "") {
		f.Add("url", what, "put it into url_file, or "+hint)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if secretHeader().MatchString(name) {
			f.Add(setting.Join("headers", name), what, hint)
		}
	}
	if setting.HasUser(o.Proxy) {
		f.Add("proxy", "holds a secret, and everybody can read this file", hint)
	}
}
