package journal

import (
	"encoding/json"
	"strconv"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
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
func readingLine(in cli.Language, e client.Event) string {
	var r reading
	if e.Type != client.EventCredentialRead || json.Unmarshal(e.Data, &r) != nil || r.User+r.Remote == "" {
		return ""
	}
	who := in.Text("%s, over the network,", harmless(r.Remote))
	if r.User != "" {
		program := ""
		if r.Program != "" {
			program = ", " + harmless(r.Program)
		}
		who = in.Text("%s (uid %d, gid %d, pid %d%s)", harmless(r.User), r.UID, r.GID, r.PID, program)
	}
	text := in.Text("%s read generation %d as %s", who, r.Generation, harmless(r.Format))
	if r.Denied {
		text = in.Text("%s was refused it: not permitted %s", who, harmless(r.Verb))
	}
	if r.RefreshToken {
		text += in.Text(" with the refresh token")
	}
	if r.Tag != "" {
		text += in.Text(" for the tag %s", harmless(r.Tag))
	}
	if r.Reads > 0 {
		text += in.Text("; %d times more before", r.Reads)
	}
	return text
}

// harmless keeps what others chose, the name of a program for one, from
// commanding the terminal.
func harmless(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
