package client

// The problem types of errors (RFC 9457). Names are on the wire and never
// change.
const (
	ProblemNoAccount    = "no-such-account"
	ProblemNoLogin      = "no-such-login"
	ProblemNoChannel    = "no-such-channel"
	ProblemNoOutput     = "no-such-output"
	ProblemOutput       = "output-failed"
	ProblemNeedsLogin   = "needs-login"
	ProblemSMS          = "sms-refused" // a number, captcha or code was not taken
	ProblemSiteAway     = "site-away"   // blocking or unreachable; nothing is lost
	ProblemSlot         = "slot-needed" // the vault would not open without it
	ProblemNotPermitted = "not-permitted"
	ProblemConfigured   = "configured" // the configuration file says otherwise, and wins
	ProblemBadRequest   = "bad-request"
	ProblemMediaType    = "unsupported-media-type"
	ProblemTooLarge     = "too-large"
	ProblemNotFound     = "not-found"
	ProblemMethod       = "method-not-allowed"
	ProblemBusy         = "busy"
	ProblemFellOut      = "fell-out"  // the journal no longer goes back that far
	ProblemStorage      = "storage"   // the vault could not be written
	ProblemHostAway     = "host-away" // the host that looks after the account cannot be reached; nothing is lost
	ProblemElsewhere    = "elsewhere" // another host looks after the account, and nothing was done here
	ProblemInternal     = "internal"
)

// Problem is an error of the control API, application/problem+json.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// Is makes errors.Is(err, &Problem{Type: …}) compare types alone.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Type == p.Type
}
