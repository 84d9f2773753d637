package config

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// The programs whose interface is known.
const (
	PresetBlrec            = "blrec"
	PresetBililiveRecorder = "bililive-recorder"
	PresetBiliSync         = "bili-sync"
)

// Presets returns the programs whose interface is known.
func Presets() []string { return []string{PresetBiliSync, PresetBililiveRecorder, PresetBlrec} }

// formatTemplate is the format that is written by its reader.
const formatTemplate = "template"

var (
	ownerPattern = regexp.MustCompile(`^([A-Za-z0-9._][A-Za-z0-9._-]*)?(:[A-Za-z0-9._][A-Za-z0-9._-]*)?$`)
	tokenPattern = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

func (c Config) checkOutputs(f *faults) {
	names, files := make(map[string]bool), make(map[string]string)
	for i, o := range c.Output {
		key := fmt.Sprintf("output[%d]", i)
		f.name(key, o.Name, names)
		if o.Account == "" {
			f.add(key+".account", "is missing", `write account = "…"`)
		} else if !ValidName(o.Account) {
			f.add(key+".account", fmt.Sprintf("%q is not a name", clip(o.Account)), hintName)
		}
		o.checkKeys(f, key)
		o.checkFormat(f, key)
		o.checkFile(f, key)
		o.checkPush(f, key)
		o.checkCommands(f, key)
		if o.Path == "" {
			continue
		}
		if other, taken := files[filepath.Clean(o.Path)]; taken {
			f.add(key+".path", "is written by output "+clip(other)+" already", "give each its own file")
		}
		files[filepath.Clean(o.Path)] = o.Name
	}
}

// belongings say which keys mean nothing without another one.
func (o Output) belongings() map[string][]string {
	none := make(map[string][]string)
	if len(o.OnChange) == 0 {
		none["an output without on_change"] = []string{"on_change_timeout", "debounce"}
	}
	if o.Path == "" && !o.pushes() && o.Preset == "" && len(o.OnChange) == 0 {
		return none // the place is missing, and the rest may be right
	}
	if !o.pushes() && o.Preset == "" {
		none["an output without a url"] = []string{"method", "headers", "secret_file", "content_type", "allow_http", "proxy"}
	}
	if o.Path == "" {
		none["an output without a path"] = []string{"mode", "owner", "in_place"}
	}
	if o.Path == "" && !o.pushes() && o.Preset == "" {
		none["an output of commands alone"] = []string{"format", "template", "with_refresh_token", "timeout"}
	}
	if o.Preset != "" {
		none["an output with a preset, which makes its own request"] = []string{"format", "template", "with_refresh_token", "method", "content_type"}
	}
	return none
}

// checkKeys compares the keys with what the output is.
func (o Output) checkKeys(f *faults, entry string) {
	given := keysGiven(o)
	var places []string
	for _, key := range []string{"path", "url", "url_file"} {
		if slices.Contains(given, key) {
			places = append(places, key)
		}
	}
	switch {
	case len(places) == 0 && o.Preset != "":
		f.add(entry+".url", "is missing", `write url = "http://127.0.0.1:…", where the program listens`)
	case len(places) == 0 && len(o.OnChange) == 0:
		f.add(entry+".path", "is missing", `write path = "/…", url = "https://…" or on_change = ["program"]`)
	case len(places) > 1 && places[0] == "path":
		f.add(entry+"."+places[1], "is given beside path", "make two outputs of it")
	case len(places) > 1:
		f.add(entry+"."+places[1], "is given beside "+places[0], "remove one of them")
	}
	without := o.belongings()
	for _, what := range slices.Sorted(maps.Keys(without)) {
		for _, key := range without[what] {
			if slices.Contains(given, key) {
				f.add(entry+"."+key, "means nothing to "+what, "remove it")
			}
		}
	}
}

func (o Output) checkFormat(f *faults, entry string) {
	if o.Path == "" && !o.pushes() || o.Preset != "" {
		return // told of by checkKeys where there is one
	}
	if o.Format == "" {
		f.add(entry+".format", "is missing", `write format = "…", one of: `+strings.Join(output.Formats(), ", "))
		return
	}
	before := len(f.problems)
	f.word(entry+".format", o.Format, output.Formats()...)
	if len(f.problems) > before {
		return
	}
	switch {
	case o.Format == formatTemplate && o.Template == "":
		f.add(entry+".template", "is missing", `write template = "{{cookie \"SESSDATA\"}}" or another Go template`)
	case o.Format != formatTemplate && o.Template != "":
		f.add(entry+".template", "means nothing to the format "+o.Format, `remove it, or write format = "template"`)
	case o.Format == formatTemplate:
		if err := output.CheckTemplate(o.Template); err != nil {
			f.add(entry+".template", "is no template: "+strings.Join(strings.Fields(err.Error()), " "), "the README shows what it can hold")
		}
	}
	if info, ok := output.Describe(o.Format); ok && o.WithRefreshToken && !info.RefreshToken {
		f.add(entry+".with_refresh_token", "has no place in the format "+o.Format, "remove it")
	}
}

func (o Output) checkFile(f *faults, entry string) {
	f.path(entry+".path", o.Path)
	if o.Path != "" || o.Mode != "" {
		o.checkMode(f, entry+".mode")
	}
	if o.Owner != "" && !ownerPattern.MatchString(o.Owner) {
		f.add(entry+".owner", fmt.Sprintf("%q is no owner", clip(o.Owner)), `write "user", "user:group" or ":group"`)
	}
}

func (o Output) checkMode(f *faults, key string) {
	mode, err := strconv.ParseUint(o.Mode, 8, 32)
	switch {
	case err != nil || mode == 0 || mode > 0o777:
		f.add(key, fmt.Sprintf("%q is no file mode", clip(o.Mode)), `write "0600"`)
	case mode&0o006 != 0:
		f.add(key, fmt.Sprintf("%q lets everybody at a credential", o.Mode), `write "0600", or "0640" and an owner with a group`)
	case mode&0o111 != 0:
		f.add(key, fmt.Sprintf("%q makes a credential a program", o.Mode), `write "0600"`)
	}
}

func (o Output) checkPush(f *faults, entry string) {
	if o.Preset != "" {
		f.word(entry+".preset", o.Preset, Presets()...)
	}
	if o.URL != "" {
		if fault := o.urlFault(o.URL); fault != nil {
			f.add(entry+".url", fault.what, fault.hint)
		}
	}
	for _, s := range o.secretFiles() {
		f.path(entry+"."+s.key, s.path)
	}
	if o.Method != "" {
		f.word(entry+".method", o.Method, http.MethodPost, http.MethodPut, http.MethodPatch)
	}
	if o.ContentType != "" {
		if _, _, err := mime.ParseMediaType(o.ContentType); err != nil {
			f.add(entry+".content_type", fmt.Sprintf("%q is no type of content", clip(o.ContentType)), `write "application/json"`)
		}
	}
	if o.Proxy != "" {
		if u, err := url.Parse(o.Proxy); err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) {
			f.add(entry+".proxy", "is no proxy's URL", `write "http://host:port" or "socks5://host:port"`)
		}
	}
	if o.Timeout > longestOutput {
		f.add(entry+".timeout", fmt.Sprintf("%s is too long", o.Timeout), fmt.Sprintf("at most %s", longestOutput))
	}
	o.checkHeaders(f, entry+".headers")
}

// urlFault says what is wrong with the URL of the output, nil if nothing is.
func (o Output) urlFault(raw string) *fileFault {
	u, ok := webURL(raw)
	if !ok || u.Fragment != "" {
		return &fileFault{"is no http or https URL", `write "https://host/path"`}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && dialguard.Forbidden(addr) {
		return &fileFault{"is an address that no credential is sent to", "link-local, multicast and metadata addresses are refused; name another"}
	}
	if u.Scheme == "https" || o.AllowHTTP {
		return nil
	}
	if o.Proxy != "" {
		return &fileFault{"goes to a proxy in the clear, and it brings a credential", "use https, leave the proxy out, or allow_http = true"}
	}
	if !loopback(u.Hostname()) {
		return &fileFault{"goes to another machine in the clear, and it brings a credential", "use https, or allow_http = true"}
	}
	return nil
}

// notOurs are headers that belong to the connection.
var notOurs = []string{"Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (o Output) checkHeaders(f *faults, entry string) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		key, canonical := join(entry, name), http.CanonicalHeaderKey(name)
		value := o.Headers[name]
		switch {
		case !tokenPattern.MatchString(name):
			f.add(entry, fmt.Sprintf("%q is no name of a header", clip(name)), "use letters, digits and dashes")
		case slices.Contains(notOurs, canonical):
			f.add(key, "belongs to the connection", "remove it")
		case seen[canonical] != "":
			f.add(key, "is given twice, beside "+seen[canonical], "remove one")
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			f.add(key, "holds a character that has no place in a header", "remove it")
		case canonical == "Content-Type" && o.ContentType != "":
			f.add(key, "is given beside content_type", "remove one of them")
		case o.SecretFile != "" && (canonical == "Authorization" || o.Preset == PresetBlrec && canonical == "X-Api-Key"):
			f.add(key, "is given beside secret_file", "remove one of them")
		}
		seen[canonical] = name
	}
}

func (o Output) checkCommands(f *faults, entry string) {
	key := entry + ".on_change"
	hint := `write ["program", "argument"]`
	for i, argv := range o.OnChange.Argv() {
		at := key
		if o.OnChange.several() {
			at = fmt.Sprintf("%s[%d]", key, i)
		}
		switch {
		case len(argv) == 0 || argv[0] == "":
			f.add(at, "names no program", hint)
		case fromHome(argv[0]):
			f.add(at, `starts with "~", which only a shell understands`, "write the directory out")
		case len(argv) == 1 && !filepath.IsAbs(argv[0]) && strings.ContainsAny(argv[0], " \t|&;<>$"):
			f.add(at, "looks like a line for a shell, and there is none", hint+`, or ["sh", "-c", "…"]`)
		case strings.ContainsRune(strings.Join(argv, ""), 0):
			f.add(at, "holds a zero byte", "remove it")
		}
	}
	for _, d := range []struct {
		key string
		Duration
	}{{"on_change_timeout", o.OnChangeTimeout}, {"debounce", o.Debounce}} {
		if d.Duration > longestOutput {
			f.add(entry+"."+d.key, fmt.Sprintf("%s is too long", d.Duration), fmt.Sprintf("at most %s", longestOutput))
		}
	}
}

// secretHeader is a part of the name of a header that holds a secret.
var secretHeader = regexp.MustCompile(`(?i)auth|cookie|key|pass|secret|token`)

// checkInline wants no secret in a configuration that everybody can read.
func (o Output) checkInline(f *faults, entry string) {
	const what, hint = "may be a secret, and everybody can read this file", "run chmod 600 on the configuration"
	if u, err := url.Parse(o.URL); err == nil && (u.User != nil || u.RawQuery != "") {
		f.add(entry+".url", what, "put it into url_file, or "+hint)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if secretHeader.MatchString(name) {
			f.add(join(entry+".headers", name), what, hint)
		}
	}
	if hasUser(o.Proxy) {
		f.add(entry+".proxy", "holds a secret, and everybody can read this file", hint)
	}
}
