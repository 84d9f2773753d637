package output

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// The programs whose interface is known.
const (
	PresetBlrec            = "blrec"
	PresetBililiveRecorder = "bililive-recorder"
	PresetBiliSync         = "bili-sync"
)

// Presets returns the programs whose interface is known.
func Presets() []string { return []string{PresetBiliSync, PresetBililiveRecorder, PresetBlrec} }

// longest is more than a program that answers at all takes.
const longest = config.Duration(time.Hour)

var (
	ownerPattern = lazyregexp.New(`^([A-Za-z0-9._][A-Za-z0-9._-]*)?(:[A-Za-z0-9._][A-Za-z0-9._-]*)?$`)
	headerName   = lazyregexp.New("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// entry is an output as it is configured.
type entry struct{ config.Output }

// Check tells what is wrong with the outputs of a configuration.
func Check(list []config.Output, f *setting.Faults) {
	files := make(map[string]string)
	for i, o := range list {
		f, e := f.Table(fmt.Sprintf("output[%d]", i)), entry{o}
		e.checkKeys(f)
		e.checkFormat(f)
		e.checkFile(f)
		e.checkPush(f)
		e.checkCommands(f)
		if o.Path == "" {
			continue
		}
		if other, taken := files[filepath.Clean(o.Path)]; taken {
			f.Add("path", "is written by output "+setting.Clip(other)+" already", "give each its own file")
		}
		files[filepath.Clean(o.Path)] = o.Name
	}
}

// belongings say which keys mean nothing without another one.
func (o entry) belongings() map[string][]string {
	none := make(map[string][]string)
	if len(o.OnChange) == 0 {
		none["an output without on_change"] = []string{"on_change_timeout", "debounce"}
	}
	if o.Path == "" && !o.Pushes() && o.Preset == "" && len(o.OnChange) == 0 {
		return none // the place is missing, and the rest may be right
	}
	if !o.Pushes() && o.Preset == "" {
		none["an output without a url"] = []string{"method", "headers", "secret_file", "content_type", "allow_http", "proxy"}
	}
	if o.Path == "" {
		none["an output without a path"] = []string{"mode", "owner", "in_place"}
	}
	if o.Path == "" && !o.Pushes() && o.Preset == "" {
		none["an output of commands alone"] = []string{"format", "template", "with_refresh_token", "timeout"}
	}
	if o.Preset != "" {
		none["an output with a preset, which makes its own request"] = []string{"format", "template", "with_refresh_token", "method", "content_type"}
	}
	return none
}

// checkKeys compares the keys with what the output is.
func (o entry) checkKeys(f *setting.Faults) {
	given := setting.Given(o.Output)
	var places []string
	for _, key := range []string{"path", "url", "url_file"} {
		if slices.Contains(given, key) {
			places = append(places, key)
		}
	}
	switch {
	case len(places) == 0 && o.Preset != "":
		f.Add("url", "is missing", `write url = "http://127.0.0.1:…", where the program listens`)
	case len(places) == 0 && len(o.OnChange) == 0:
		f.Add("path", "is missing", `write path = "/…", url = "https://…" or on_change = ["program"]`)
	case len(places) > 1 && places[0] == "path":
		f.Add(places[1], "is given beside path", "make two outputs of it")
	case len(places) > 1:
		f.Add(places[1], "is given beside "+places[0], "remove one of them")
	}
	without := o.belongings()
	for _, what := range slices.Sorted(maps.Keys(without)) {
		for _, key := range without[what] {
			if slices.Contains(given, key) {
				f.Add(key, "means nothing to "+what, "remove it")
			}
		}
	}
}

func (o entry) checkFormat(f *setting.Faults) {
	if o.Path == "" && !o.Pushes() || o.Preset != "" {
		return // told of by checkKeys where there is one
	}
	if o.Format == "" {
		f.Add("format", "is missing", `write format = "…", one of: `+strings.Join(Formats(), ", "))
		return
	}
	if !f.Word("format", o.Format, Formats()...) {
		return
	}
	switch {
	case o.Format == formatTemplate && o.Template == "":
		f.Add("template", "is missing", `write template = "{{cookie \"SESSDATA\"}}" or another Go template`)
	case o.Format != formatTemplate && o.Template != "":
		f.Add("template", "means nothing to the format "+o.Format, `remove it, or write format = "template"`)
	case o.Format == formatTemplate:
		if err := CheckTemplate(o.Template); err != nil {
			f.Add("template", "is no template: "+plain.Line(err.Error()), "docs/outputs-and-tools.md shows what it can hold")
		}
	}
	if info, ok := Describe(o.Format); ok && o.WithRefreshToken && !info.RefreshToken {
		f.Add("with_refresh_token", "has no place in the format "+o.Format, "remove it")
	}
}

func (o entry) checkFile(f *setting.Faults) {
	f.Path("path", o.Path)
	if o.Path != "" || o.Mode != "" {
		o.checkMode(f, "mode")
	}
	if o.Owner != "" && !ownerPattern().MatchString(o.Owner) {
		f.Add("owner", fmt.Sprintf("%q is no owner", setting.Clip(o.Owner)), `write "user", "user:group" or ":group"`)
	}
}

func (o entry) checkMode(f *setting.Faults, key string) {
	mode, err := strconv.ParseUint(o.Mode, 8, 32)
	switch {
	case err != nil || mode == 0 || mode > 0o777:
		f.Add(key, fmt.Sprintf("%q is no file mode", setting.Clip(o.Mode)), `write "0600"`)
	case mode&0o006 != 0:
		f.Add(key, fmt.Sprintf("%q lets everybody at a credential", o.Mode), `write "0600", or "0640" and an owner with a group`)
	case mode&0o111 != 0:
		f.Add(key, fmt.Sprintf("%q makes a credential a program", o.Mode), `write "0600"`)
	}
}

func (o entry) checkPush(f *setting.Faults) {
	if o.Preset != "" {
		f.Word("preset", o.Preset, Presets()...)
	}
	if o.URL != "" {
		f.AddFault("url", o.urlFault(o.URL))
	}
	f.Path("url_file", o.URLFile)
	f.Path("secret_file", o.SecretFile)
	if o.Method != "" {
		f.Word("method", o.Method, http.MethodPost, http.MethodPut, http.MethodPatch)
	}
	if o.ContentType != "" {
		if _, _, err := mime.ParseMediaType(o.ContentType); err != nil {
			f.Add("content_type", fmt.Sprintf("%q is no type of content", setting.Clip(o.ContentType)), `write "application/json"`)
		}
	}
	f.AddFault("proxy", setting.ProxyFault(o.Proxy))
	if o.Timeout > longest {
		f.Add("timeout", fmt.Sprintf("%s is too long", o.Timeout), fmt.Sprintf("at most %s", longest))
	}
	o.checkHeaders(f)
}

// urlFault says what is wrong with the URL of the output, nil if nothing is.
func (o entry) urlFault(raw string) *setting.Fault {
	const brings = "it brings a credential"
	if u, ok := setting.WebURL(raw); ok && u.Fragment == "" {
		if outbound.Forbidden(u.Hostname()) {
			return &setting.Fault{What: "is an address that no credential is sent to", Hint: "link-local, multicast and metadata addresses are refused; name another"}
		}
		if u.Scheme == "http" && !o.AllowHTTP && o.Proxy != "" {
			return &setting.Fault{What: "goes to a proxy in the clear, and " + brings, Hint: "use https, leave the proxy out, or allow_http = true"}
		}
	}
	return setting.WebFault(raw, o.AllowHTTP, brings)
}

// notOurs are headers that belong to the connection.
var notOurs = []string{"Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (o entry) checkHeaders(f *setting.Faults) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		key, canonical := setting.Join("headers", name), http.CanonicalHeaderKey(name)
		value := o.Headers[name]
		switch {
		case !headerName().MatchString(name):
			f.Add("headers", fmt.Sprintf("%q is no name of a header", setting.Clip(name)), "use letters, digits and dashes")
		case slices.Contains(notOurs, canonical):
			f.Add(key, "belongs to the connection", "remove it")
		case seen[canonical] != "":
			f.Add(key, "is given twice, beside "+seen[canonical], "remove one")
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			f.Add(key, "holds a character that has no place in a header", "remove it")
		case canonical == "Content-Type" && o.ContentType != "":
			f.Add(key, "is given beside content_type", "remove one of them")
		case o.SecretFile != "" && (canonical == "Authorization" || o.Preset == PresetBlrec && canonical == "X-Api-Key"):
			f.Add(key, "is given beside secret_file", "remove one of them")
		}
		seen[canonical] = name
	}
}

func (o entry) checkCommands(f *setting.Faults) {
	key := "on_change"
	hint := `write ["program", "argument"]`
	for i, argv := range o.OnChange.Argv() {
		at := key
		if o.OnChange.Several() {
			at = fmt.Sprintf("%s[%d]", key, i)
		}
		switch {
		case len(argv) == 0 || argv[0] == "":
			f.Add(at, "names no program", hint)
		case setting.FromHome(argv[0]):
			f.Add(at, `starts with "~", which only a shell understands`, "write the directory out")
		case len(argv) == 1 && !filepath.IsAbs(argv[0]) && strings.ContainsAny(argv[0], " \t|&;<>$"):
			f.Add(at, "looks like a line for a shell, and there is none", hint+`, or ["sh", "-c", "…"]`)
		case strings.ContainsRune(strings.Join(argv, ""), 0):
			f.Add(at, "holds a zero byte", "remove it")
		}
	}
	for _, d := range []struct {
		key string
		config.Duration
	}{{"on_change_timeout", o.OnChangeTimeout}, {"debounce", o.Debounce}} {
		if d.Duration > longest {
			f.Add(d.key, fmt.Sprintf("%s is too long", d.Duration), fmt.Sprintf("at most %s", longest))
		}
	}
}
