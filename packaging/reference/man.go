package reference

import (
	"fmt"
	"strings"
	"time"
)

// Man returns bilikeeper.toml(5).
func Man(example []byte, version string, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH BILIKEEPER.TOML 5 %q %q %q\n", date.UTC().Format("Jan 2006"), "bilikeeper "+version, "File Formats")
	b.WriteString(".SH NAME\nbilikeeper.toml \\- the configuration of bilikeeper\n")
	b.WriteString(".SH SYNOPSIS\n.nf\n/etc/bilikeeper/config.toml\n$XDG_CONFIG_HOME/bilikeeper/config.toml\n.fi\n.SH DESCRIPTION\n")
	heading := ""
	for _, s := range parse(example) {
		if len(s.Keys) == 0 && s.Text == "" {
			continue
		}
		switch {
		case s.Name != "" && s.Name != heading:
			fmt.Fprintf(&b, ".SH \"%s\"\n", roff(s.Name))
		default:
			b.WriteString(".PP\n")
		}
		heading = s.Name
		if s.Text != "" {
			b.WriteString(line(s.Text))
		}
		for _, k := range s.Keys {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR = %s\n", roff(k.Name), roff(k.Value))
			if k.Text != "" {
				b.WriteString(line(k.Text))
			}
		}
	}
	b.WriteString(".SH \"SEE ALSO\"\n.BR bilikeeper (1),\n.BR bilikeeper\\-config (1)\n")
	return b.String()
}

// line is a line of text that roff does not take for a request.
func line(text string) string {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + roff(text) + "\n"
	}
	return roff(text) + "\n"
}

// roff escapes what roff reads as its own, and keeps quotes and hyphens as they
// are typed: they are copied from the page into a file.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}
