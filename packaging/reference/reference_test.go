package reference_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/packaging/reference"
)

const example = `# The configuration.
#
# A duration is a text.

# The place. "" is the default.
place = ""

[log]
# trace or error.
level = "info"
alike = 1

# Who may.
#[[allow]]
# A user, or *.
#user = "a|b"
#
#[[allow]]
#group = 'it\x'

# Words of your own.
#[[text]]
#type = "x"
`

func TestPage(t *testing.T) {
	const written = "# By hand\n\n<!-- What follows is generated: go generate ./packaging/manual -->\n"
	want := written + `
The configuration.

A duration is a text.

| key | default | |
|---|---|---|
| ` + "`place` | `\"\"`" + ` | The place. "" is the default. |

## ` + "`[log]`" + `

| key | default | |
|---|---|---|
| ` + "`level` | `\"info\"`" + ` | trace or error. |
| ` + "`alike` | `1`" + ` |  |

## ` + "`[[allow]]`" + `

Who may.

| key | for example | |
|---|---|---|
| ` + "`user` | `\"a\\|b\"`" + ` | A user, or \*. |

| key | for example | |
|---|---|---|
| ` + "`group` | `'it\\x'`" + ` |  |

## ` + "`[[text]]`" + `

Words of your own.

| key | for example | |
|---|---|---|
| ` + "`type` | `\"x\"`" + ` |  |
`
	if got, err := reference.Page(written+"old\n", []byte(example)); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := reference.Page("# By hand\n", []byte(example)); err == nil {
		t.Error("a page without a place for it was taken")
	}
}

func TestMan(t *testing.T) {
	got := reference.Man([]byte(example), "1.2.3", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC))
	for _, want := range []string{
		".TH BILIKEEPER.TOML 5 \"Nov 2026\" \"bilikeeper 1.2.3\" \"File Formats\"\n",
		".SH DESCRIPTION\n.PP\nThe configuration.\n.PP\nA duration is a text.\n",
		".TP\n\\fBplace\\fR = \\(dq\\(dq\nThe place. \\(dq\\(dq is the default.\n",
		".SH \"[[allow]]\"\nWho may.\n.TP\n\\fBuser\\fR = \\(dqa|b\\(dq\nA user, or *.\n.PP\n.TP\n\\fBgroup\\fR = \\(aqit\\ex\\(aq\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks\n%s\nin\n%s", want, got)
		}
	}
}
