package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// MostHistory is how many days of an account are kept.
const MostHistory = 400

// History is the answer to GET /v1/accounts/{name}/history: how an account did, day
// by day. It outlives the journal.
type History struct {
	Account string `json:"account"`
	// Days are one after the other, the oldest first; the last is today.
	Days []HistoryDay `json:"days"`
}

// HistoryDay is a day of an account, by the keeper's clock.
type HistoryDay struct {
	Date string `json:"date"` // 2026-11-30
	// OK counts the checks that the site took, Unanswered those that decided
	// nothing, Denied those at which it denied the session.
	OK         int `json:"ok"`
	Unanswered int `json:"unanswered"`
	Denied     int `json:"denied"`
	// Dead is true where the session was known dead at some time of the day.
	Dead      bool `json:"dead"`
	Refreshed int  `json:"refreshed"`
	LoggedIn  int  `json:"logged_in"`
	// Reads are who was given the credential.
	Reads []HistoryReads `json:"reads"`
}

// HistoryReads is how often a reader was given the credential on a day. Remote is
// the address of one over the network, who has no user and no program.
type HistoryReads struct {
	Program string `json:"program,omitempty"`
	User    string `json:"user,omitempty"`
	Remote  string `json:"remote,omitempty"`
	Format  string `json:"format,omitempty"`
	Reads   uint64 `json:"reads"`
}

// History tells how an account did on each of the last days, 1 to [MostHistory] of
// them. Problems: [ProblemNoAccount], [ProblemBadRequest], [ProblemStorage].
func (c *Client) History(ctx context.Context, name string, days int) (History, error) {
	return call[History](ctx, c, request{method: http.MethodGet, path: accountPath(name, "/history"),
		query: url.Values{"days": {strconv.Itoa(days)}}})
}
