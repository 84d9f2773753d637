package journal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// reading is the data of credential.read.
type reading struct {
	Denied       bool   `json:"denied"`
	Verb         string `json:"verb"`
	User         string `json:"user"`
	UID          uint32 `json:"uid"`
	GID          uint32 `json:"gid"`
	PID          int32  `json:"pid"`
	Program      string `json:"program"`
	Remote       string `json:"remote"`
	Format       string `json:"format"`
	Generation   uint64 `json:"generation"`
	RefreshToken bool   `json:"refresh_token"`
	Tag          string `json:"tag"`
	Reads        uint64 `json:"reads"`
}

// readingLine says in a sentence who read a credential, or was kept from it.
// It is "" where the data is of another kind.
func readingLine(e client.Event) string {
	var r reading
	if e.Type != client.EventCredentialRead || json.Unmarshal(e.Data, &r) != nil || r.User+r.Remote == "" {
		return ""
	}
	var b strings.Builder
	if r.User != "" {
		fmt.Fprintf(&b, "%s (uid %d, gid %d, pid %d", harmless(r.User), r.UID, r.GID, r.PID)
		if r.Program != "" {
			fmt.Fprintf(&b, ", %s", harmless(r.Program))
		}
		b.WriteString(")")
	} else {
		fmt.Fprintf(&b, "%s, over the network,", harmless(r.Remote))
	}
	if r.Denied {
		fmt.Fprintf(&b, " was refused it: not permitted %s", harmless(r.Verb))
	} else {
		fmt.Fprintf(&b, " read generation %d as %s", r.Generation, harmless(r.Format))
	}
	if r.RefreshToken {
		b.WriteString(" with the refresh token")
	}
	if r.Tag != "" {
		fmt.Fprintf(&b, " for the tag %s", harmless(r.Tag))
	}
	if r.Reads > 0 {
		fmt.Fprintf(&b, "; %d times more before", r.Reads)
	}
	return b.String()
}

// harmless keeps what others chose, the name of a program for one, from
// commanding the terminal.
func harmless(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
