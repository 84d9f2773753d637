package wecom

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// What a text and a picture may have, in bytes.
const (
	maxText    = 2048
	maxPicture = 2 << 20
)

// Config is one robot.
type Config struct {
	// URL is what WeCom shows for the robot, with its key; whoever has it can
	// write to the group.
	URL secret.String
	// Mention are the user ids that a code calls, "@all" for everybody.
	Mention []string
	HTTP    post.Options
}

// Channel writes through one robot. It is safe for concurrent use.
type Channel struct {
	post.Label
	client  *post.Client
	mention []string

	mu sync.Mutex // guards pictured
	// pictured is the message whose picture was taken and whose text was not.
	pictured string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	client, err := post.New("the robot's url", cfg.URL.Reveal(), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	if slices.Contains(cfg.Mention, "") {
		return nil, errors.New("a user id to mention is empty")
	}
	return &Channel{Label: post.NewLabel("wecom", client.Host()), client: client, mention: slices.Clone(cfg.Mention)}, nil
}

// Rate is a quarter of the 20 messages a minute that a robot may send: a code
// takes two, and after a pause twice the rate goes out.
func (c *Channel) Rate() (messages int, per time.Duration) { return 5, time.Minute }

type picture struct {
	Kind  string `json:"msgtype"`
	Image image  `json:"image"`
}

type image struct {
	Base64 string `json:"base64"`
	MD5    string `json:"md5"`
}

type words struct {
	Kind string `json:"msgtype"`
	Text text   `json:"text"`
}

type text struct {
	Content string   `json:"content"`
	Mention []string `json:"mentioned_list,omitempty"`
}

// Send writes the message once, the picture before the text.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	if m.Login != nil && len(m.Login.PNG) > 0 && len(m.Login.PNG) <= maxPicture && !c.has(m.ID) {
		// The service wants MD5 to find a broken transfer, not a forged one.
		sum := md5.Sum(m.Login.PNG)
		_, err := c.call(ctx, picture{Kind: "image", Image: image{
			Base64: base64.StdEncoding.EncodeToString(m.Login.PNG), MD5: hex.EncodeToString(sum[:]),
		}})
		if err != nil {
			return notify.Receipt{}, err
		}
		c.note(m.ID)
	}
	w := words{Kind: "text", Text: text{Content: wording.Whole(m, maxText, wording.Bytes)}}
	if m.Login != nil {
		w.Text.Mention = c.mention
	}
	receipt, err := c.call(ctx, w)
	if err == nil {
		c.note("")
	}
	return receipt, err
}

func (c *Channel) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pictured == id
}

func (c *Channel) note(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pictured = id
}

func (c *Channel) call(ctx context.Context, v any) (notify.Receipt, error) {
	return c.client.Coded(ctx, post.JSON(v), post.Codes{Key: "errcode", Meaning: meaning})
}

// meaning says what a code means. The limits of WeCom are by the minute.
func meaning(code int64) (r post.Refusal) {
	switch code {
	case -1, 6000:
		r.Retry, r.Reason = true, "the service is busy"
	case 45009, 45033:
		r.Retry, r.After, r.Reason = true, time.Minute, "too many messages"
	case 93000:
		r.Reason = "the robot's key is not valid, or the robot was removed"
	case 93004:
		r.Reason = "the robot was stopped"
	case 93008:
		r.Reason = "the robot is not in the group any more"
	case 40008, 40058, 44004, 45002:
		r.Reason = "the message is not as it should be"
	case 40009, 301019:
		r.Reason = "the picture is not as it should be"
	}
	return r
}
