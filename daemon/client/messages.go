package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Message is one thing to tell people, in the words of the keeper.
type Message struct {
	// ID stays the same however often the message is asked for.
	ID string `json:"id"`
	// Type is one of the Event… words.
	Type    string    `json:"type"`
	Time    time.Time `json:"time"`
	Account string    `json:"account"`
	Site    string    `json:"site"`
	Mid     *int64    `json:"mid"`
	Uname   string    `json:"uname"`
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	// Thread groups the messages of one incident: a later one takes the place of
	// the one before it.
	Thread string `json:"thread"`
	// Position is the message's place in the journal.
	Position uint64 `json:"position"`
	// Messages of one Group may be made into one. HoldUntil says that more of
	// them are likely before then.
	Group     string     `json:"group,omitempty"`
	HoldUntil *time.Time `json:"hold_until"`
	// Passing is true for a message that is worth nothing once a later one of
	// its thread is there.
	Passing bool `json:"passing,omitempty"`
	// Silent is true for the end of a login that people need not be told of: its
	// codes no longer work, and that is all.
	Silent bool `json:"silent,omitempty"`
	// Members are the accounts of a message that stands for several.
	Members []MessageMember `json:"members,omitempty"`
	// Login is the code that the message brings. It is left out for those who
	// may not log the account in.
	Login *MessageLogin `json:"login,omitempty"`
}

// MessageMember is one account of a message that stands for several.
type MessageMember struct {
	Account string `json:"account"`
	Site    string `json:"site"`
	Mid     *int64 `json:"mid"`
	Uname   string `json:"uname"`
	PageURL string `json:"page_url,omitempty"`
}

// MessageLogin is a code that can be scanned now. Whoever holds it can answer
// the login.
type MessageLogin struct {
	ID string `json:"id"`
	// URL is the content of the code, QRPNG its picture.
	URL   string `json:"url"`
	QRPNG []byte `json:"qr_png_base64"`
	// AppURL opens the code in the app on the same phone, "" where there is no
	// such address.
	AppURL string `json:"app_url"`
	// PageURL is the login page's address, "" where none is served.
	PageURL   string    `json:"page_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Format implements [fmt.Formatter], so that no verb prints the code.
func (l MessageLogin) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "login "+l.ID+" [redacted]")
}

// MessageList is the answer to GET /v1/messages.
type MessageList struct {
	Messages []Message `json:"messages"`
	// Upto is the position to ask after next. It is before the one that was
	// asked after where the journal was replaced by an older copy.
	Upto uint64 `json:"upto"`
	// Journal names the journal that the positions belong to.
	Journal string `json:"journal"`
	// QuietUntil is when the quiet hours that hold now end, null outside of them.
	QuietUntil *time.Time `json:"quiet_until"`
}

// MessageQuery says which messages are wanted.
type MessageQuery struct {
	// After is the position up to which the caller knows them; 0 is the
	// journal's beginning.
	After uint64
	// Limit bounds the answer; 0 means the keeper's own bound, 64.
	Limit int
	// Wait is how long the keeper may wait for a message where there is none
	// yet, a minute at most.
	Wait time.Duration
}

// Messages returns what people are told about the accounts that the caller may
// see, oldest first. A code that no longer works is left out. Problems:
// [ProblemNotPermitted] where the caller may see no account at all.
func (c *Client) Messages(ctx context.Context, q MessageQuery) (MessageList, error) {
	query := url.Values{"after": {strconv.FormatUint(q.After, 10)}}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Wait > 0 {
		query.Set("wait", q.Wait.String())
	}
	return call[MessageList](ctx, c, request{method: http.MethodGet, path: "/v1/messages", query: query})
}
