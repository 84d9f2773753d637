package telegram

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// unchanged is the reason of an edit that would change nothing.
const unchanged = "answered that nothing would change"

type answer struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter float64 `json:"retry_after"`
		NewChat    int64   `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// call makes a request and reads what the Bot API says to it.
func (c *Channel) call(ctx context.Context, r post.Request) (notify.Receipt, error) {
	reply, err := c.client.Do(ctx, r)
	if reply.Status == 0 {
		return notify.Receipt{}, err
	}
	var a answer
	switch {
	case !reply.Decode(&a) && err != nil:
		return notify.Receipt{}, err
	case !a.OK && a.Code == 0:
		if err != nil {
			return notify.Receipt{}, err
		}
		return notify.Receipt{}, c.client.Nonsense(reply)
	case !a.OK || err != nil:
		return notify.Receipt{}, c.client.Refused(reply, meaning(a))
	}
	var sent struct {
		ID int64 `json:"message_id"`
	}
	// The answer to a deletion is "true" and has no id.
	_ = json.Unmarshal(a.Result, &sent)
	if sent.ID == 0 {
		return notify.Receipt{Answer: "ok"}, nil
	}
	id := strconv.FormatInt(sent.ID, 10)
	return notify.Receipt{Answer: "message " + id, Handle: notify.Handle(id)}, nil
}

// meaning says what an error means. Descriptions are for people and may change;
// they only refine the reason, never the decision.
func meaning(a answer) post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(a.Code), After: post.Seconds(a.Parameters.RetryAfter)}
	// The API says that its codes may change; a time to come back means one thing.
	r.Retry = a.Code == http.StatusTooManyRequests || a.Code/100 == 5 || r.After > 0
	says := func(what string) bool { return strings.Contains(a.Description, what) }
	switch {
	case says("message is not modified"):
		return post.Refusal{Reason: unchanged}
	case says("chat not found"):
		r.Reason = "no such chat, or the bot is not in it, or its owner has not written to the bot yet"
	case says("thread not found"):
		r.Reason = "the group has no such topic"
	case says("upgraded to a supergroup"):
		r.Reason = "the group has become a supergroup and has a new id"
		if a.Parameters.NewChat != 0 {
			r.Reason += ": write chat = \"" + strconv.FormatInt(a.Parameters.NewChat, 10) + "\""
		}
	case a.Code == http.StatusTooManyRequests:
		r.Reason = "too many messages"
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusNotFound:
		r.Reason = "the bot's token is not valid"
	case a.Code == http.StatusForbidden:
		r.Reason = "the bot was blocked or removed, or may not write there"
	}
	return r
}
