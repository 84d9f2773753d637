package config

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/output"
)

var ownerPattern = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]*(:[A-Za-z0-9._][A-Za-z0-9._-]*)?$`)

func (c Config) checkOutputs(f *faults) {
	seen := make(map[string]bool)
	for i, o := range c.Output {
		key := fmt.Sprintf("output[%d]", i)
		f.name(key, o.Name, seen)
		if o.Account == "" {
			f.add(key+".account", "is missing", `write account = "…"`)
		} else if !ValidName(o.Account) {
			f.add(key+".account", fmt.Sprintf("%q is not a name", clip(o.Account)), hintName)
		}
		f.word(key+".format", o.Format, output.Formats()...)
		if o.Path == "" {
			f.add(key+".path", "is missing", `write path = "/…"`)
		}
		f.path(key+".path", o.Path)
		o.checkMode(f, key+".mode")
		if o.Owner != "" && !ownerPattern.MatchString(o.Owner) {
			f.add(key+".owner", fmt.Sprintf("%q is no owner", clip(o.Owner)), `write "user" or "user:group"`)
		}
		if len(o.OnChange) > 0 && o.OnChange[0] == "" {
			f.add(key+".on_change", "names no program", `write ["program", "argument"]`)
		}
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
