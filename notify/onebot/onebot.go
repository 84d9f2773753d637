package onebot

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// maxText is what QQ shows of one message without folding it.
const maxText = 4000

// Config is a bot and whom it writes to: a user or a group.
type Config struct {
	// URL is the bot's HTTP server, usually on the same machine.
	URL    string
	Token  secret.String
	UserID int64
	// GroupID is set in place of UserID.
	GroupID int64
	HTTP    post.Options
}

// Channel writes to one user or group. It is safe for concurrent use.
type Channel struct {
	post.Label
	client      *post.Client
	token       secret.String
	user, group int64
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	switch {
	case cfg.UserID < 0 || cfg.GroupID < 0:
		return nil, errors.New("the user or group must be a QQ number")
	case cfg.UserID == 0 && cfg.GroupID == 0:
		return nil, errors.New("a user or a group must be named")
	case cfg.UserID != 0 && cfg.GroupID != 0:
		return nil, errors.New("a user or a group must be named, not both")
	}
	token := strings.TrimSpace(cfg.Token.Reveal())
	if strings.ContainsAny(token, "\r\n\x00") {
		return nil, errors.New("the access token must be one line")
	}
	client, err := post.New("the bot's url", cfg.URL, cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("onebot", client.Host()), client: client,
		token: secret.New(token), user: cfg.UserID, group: cfg.GroupID,
	}, nil
}

type message struct {
	User     int64     `json:"user_id,omitempty"`
	Group    int64     `json:"group_id,omitempty"`
	Segments []segment `json:"message"`
}

type segment struct {
	Type string `json:"type"`
	Data data   `json:"data"`
}

type data struct {
	Text string `json:"text,omitempty"`
	File string `json:"file,omitempty"`
}

// Send writes the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	out := message{User: c.user, Group: c.group, Segments: []segment{{"text", data{Text: wording.Whole(m, maxText, wording.Runes)}}}}
	if m.Login != nil && len(m.Login.PNG) > 0 {
		out.Segments = append(out.Segments, segment{"image", data{File: "base64://" + base64.StdEncoding.EncodeToString(m.Login.PNG)}})
	}
	action := "send_private_msg"
	if c.group != 0 {
		action = "send_group_msg"
	}
	id, err := c.call(ctx, post.JSON(out, action))
	if err != nil || id == "" {
		return notify.Receipt{Answer: "accepted"}, err
	}
	return notify.Receipt{Answer: "message " + id, Handle: notify.Handle(id)}, nil
}

// Retract recalls an earlier message.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	id, err := strconv.ParseInt(string(earlier), 10, 64)
	if err != nil {
		return c.client.NoMessage()
	}
	_, err = c.call(ctx, post.JSON(struct {
		ID int64 `json:"message_id"`
	}{id}, "delete_msg"))
	if own, ok := errors.AsType[*post.Error](err); ok && own.Code != "" {
		// A bot says "failed" to a recall that comes too late, and would again.
		return &notify.SendError{Err: own}
	}
	return err
}

// call makes a request and returns the id of the message that it made, if any.
func (c *Channel) call(ctx context.Context, r post.Request) (id string, err error) {
	if !c.token.IsZero() {
		r.Header = http.Header{"Authorization": {"Bearer " + c.token.Reveal()}}
	}
	var said struct {
		Code *int            `json:"retcode"`
		Word string          `json:"msg"`
		Data json.RawMessage `json:"data"`
	}
	switch reply, err := c.client.Ask(ctx, r, &said); {
	case err != nil:
		return "", err
	case said.Code == nil:
		return "", c.client.Nonsense(reply)
	case *said.Code != 0 && *said.Code != 1:
		return "", c.client.Refused(reply, meaning(*said.Code, said.Word))
	}
	return messageID(said.Data), nil
}

// messageID is the number of the message that was made, "" where there is none.
// A bot that counts in another way has sent the message all the same.
func messageID(data json.RawMessage) string {
	var made struct {
		ID json.Number `json:"message_id"`
	}
	if json.Unmarshal(data, &made) != nil {
		return ""
	}
	if _, err := made.ID.Int64(); err != nil {
		return ""
	}
	return made.ID.String()
}

// meaning says what a code means. Bots have codes of their own for everything
// that QQ does to them, nearly all of which pass: an account that is offline, a
// risk check, a time-out.
func meaning(code int, word string) post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(code), Retry: true, Reason: "the bot could not send"}
	switch code {
	case 400, 404, 1400, 1404, 1406:
		r.Retry, r.Reason = false, "the bot does not understand the request"
	case 401, 403, 1401, 1403:
		r.Retry, r.Reason = false, "the access token is not valid"
	}
	// go-cqhttp has one code for all, and a word for each.
	switch word {
	case "GROUP_NOT_FOUND", "FRIEND_NOT_FOUND":
		r.Retry, r.Reason = false, "the bot does not know the group or the user"
	case "EMPTY_MSG_ERROR":
		r.Retry, r.Reason = false, "the bot does not understand the request"
	}
	return r
}
