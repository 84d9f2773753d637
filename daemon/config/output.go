package config

import (
	"reflect"
	"time"
)

// Output is a place that follows an account's credential: a file, the interface
// of a program, or commands alone. Its URL, its headers and its proxy may hold
// secrets, so it prints as its name alone.
type Output struct {
	Name    string `toml:"name"`
	Account string `toml:"account"`
	Format  string `toml:"format,omitempty"`
	// Template is the text of the format "template".
	Template         string `toml:"template,omitempty"`
	WithRefreshToken bool   `toml:"with_refresh_token,omitempty"`

	// A file.
	Path  string `toml:"path,omitempty"`
	Mode  string `toml:"mode,omitempty"`
	Owner string `toml:"owner,omitempty"`
	// InPlace writes into the file that is there instead of putting a new one in
	// its place: for single files that are mounted into a container.
	InPlace bool `toml:"in_place,omitempty"`

	// A program that is listening.
	URL     string `toml:"url,omitempty" mask:"path"`
	URLFile string `toml:"url_file,omitempty"`
	// Preset is the name of a program whose interface is known.
	Preset      string            `toml:"preset,omitempty"`
	Method      string            `toml:"method,omitempty"`
	Headers     map[string]string `toml:"headers,omitempty" mask:"values"`
	SecretFile  string            `toml:"secret_file,omitempty"`
	ContentType string            `toml:"content_type,omitempty"`
	AllowHTTP   bool              `toml:"allow_http,omitempty"`
	Proxy       string            `toml:"proxy,omitempty" mask:"proxy"`
	// Timeout bounds each write or request.
	Timeout Duration `toml:"timeout,omitempty"`

	// OnChange are run when the content has changed.
	OnChange        Commands `toml:"on_change"`
	OnChangeTimeout Duration `toml:"on_change_timeout,omitempty"`
	Debounce        Duration `toml:"debounce,omitempty"`
}

// String implements [fmt.Stringer].
func (o Output) String() string { return o.Name + " (output)" }

// GoString implements [fmt.GoStringer].
func (o Output) GoString() string { return o.String() }

// Commands are what an output runs, as it is written: the words of one command,
// or a list of commands. It keeps the form, so that a configuration is printed
// the way in which it was read.
type Commands []any

// Argv returns the commands, each as a program and its arguments.
func (c Commands) Argv() [][]string {
	var list [][]string
	var single []string
	for _, item := range c {
		switch item := item.(type) {
		case string:
			single = append(single, item)
		case []any:
			list = append(list, wordsOf(item))
		case []string:
			list = append(list, item)
		}
	}
	if len(single) > 0 {
		list = append(list, single)
	}
	return list
}

func wordsOf(list []any) []string {
	words := make([]string, 0, len(list))
	for _, item := range list {
		word, _ := item.(string) // the walk over the file let nothing else pass
		words = append(words, word)
	}
	return words
}

// Several reports whether the commands are a list of commands.
func (c Commands) Several() bool { return len(c) > 0 && reflect.TypeOf(c[0]).Kind() == reflect.Slice }

// outputTimeout is the time of an output, or of its commands, that says nothing of
// it.
const outputTimeout = Duration(30 * time.Second)

// fill sets what the entry leaves out.
func (o *Output) fill() {
	if o.Path != "" && o.Mode == "" {
		o.Mode = "0600"
	}
	if o.Format == "" && o.Template != "" && o.Preset == "" {
		o.Format = "template"
	}
	if o.Timeout == 0 && (o.Path != "" || o.Pushes()) {
		o.Timeout = outputTimeout
	}
	if o.OnChangeTimeout == 0 && len(o.OnChange) > 0 {
		o.OnChangeTimeout = outputTimeout
	}
}

// Pushes reports whether the output sends to an address.
func (o Output) Pushes() bool { return o.URL != "" || o.URLFile != "" }
