package doctor

import (
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// Level says how bad a finding is. The words are on the wire.
type Level string

// The levels of findings.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, and may not be meant or may not last
	Wrong   Level = "wrong"   // does not work
	// NotChecked is a check that could not be made; the detail says why.
	NotChecked Level = "not_checked"
)

// Finding is what came of one check.
type Finding struct {
	// Check names the check, "vault.key" for example: the group, a dot, and
	// what was looked at. It is on the wire and never changes.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Subject is what the finding is about: a file, an account, a channel.
	Subject string `json:"subject"`
	// Detail says in a sentence what was found and what it means.
	Detail string `json:"detail"`
	// Mend says what to do, as a command or a line of the configuration where
	// there is one. It is empty where nothing is to be done.
	Mend string `json:"mend"`
}

// Group is the heading under which people read the finding.
func (f Finding) Group() string {
	group, _, _ := strings.Cut(f.Check, ".")
	switch group {
	case "vault":
		return "vault and state directory"
	case "store":
		return "etcd"
	}
	return group
}

// Report is what a visit of the doctor comes to.
type Report struct {
	Findings []Finding `json:"findings"`
	// OK is true where nothing is wrong; there may be warnings.
	OK bool `json:"ok"`
}

// Count returns how many findings are of a level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// notes collects findings.
type notes []Finding

func (n *notes) add(level Level, check, subject, detail, mend string) {
	*n = append(*n, Finding{Check: check, Level: level, Subject: subject, Detail: plain.Line(detail), Mend: plain.Line(mend)})
}

func (n *notes) ok(check, subject, detail string) { n.add(OK, check, subject, detail, "") }

func (n *notes) warn(check, subject, detail, mend string) {
	n.add(Warning, check, subject, detail, mend)
}

func (n *notes) wrong(check, subject, detail, mend string) {
	n.add(Wrong, check, subject, detail, mend)
}

func (n *notes) skip(check, subject, why, mend string) { n.add(NotChecked, check, subject, why, mend) }
