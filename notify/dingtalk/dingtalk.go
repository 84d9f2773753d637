package dingtalk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxTitle = 100
	maxText  = 9000 // bytes; half of what a message has, for what JSON escapes
	// penalty is how long a robot is silenced that was too fast.
	penalty = 10 * time.Minute
)

// Config is one robot.
type Config struct {
	// URL is what DingTalk shows for the robot, with its access token.
	URL secret.String
	// Secret signs, "SEC…", where the robot's protection is a signature.
	Secret secret.String
	HTTP   post.Options
}

// Channel writes through one robot. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	secret secret.String
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	client, err := post.New("the robot's url", cfg.URL.Reveal(), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("dingtalk", client.Host()), client: client,
		secret: secret.New(strings.TrimSpace(cfg.Secret.Reveal())),
	}, nil
}

// Rate is half of the 20 messages a minute that a robot may send: the penalty is
// worse than a wait.
func (c *Channel) Rate() (messages int, per time.Duration) { return 10, time.Minute }

type words struct {
	Kind string `json:"msgtype"`
	Text text   `json:"text"`
}

type text struct {
	Content string `json:"content"`
}

type card struct {
	Kind string `json:"msgtype"`
	Link link   `json:"link"`
}

type link struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	URL   string `json:"messageUrl"`
}

// Send writes the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	r := compose(m)
	if !c.secret.IsZero() {
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		r.Query = url.Values{"timestamp": {stamp}, "sign": {sign(c.secret, stamp)}}
	}
	return c.client.Coded(ctx, r, post.Codes{Key: "errcode", Meaning: meaning})
}

func compose(m notify.Message) post.Request {
	if to := wording.Link(m); to != "" {
		return post.JSON(card{Kind: "link", Link: link{
			Title: wording.Clip(plain.Line(m.Title), maxTitle, wording.Runes), Text: wording.Clip(m.Text, maxText, wording.Bytes), URL: to,
		}})
	}
	return post.JSON(words{Kind: "text", Text: text{Content: wording.Whole(m, maxText, wording.Bytes)}})
}

func sign(key secret.String, stamp string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(stamp + "\n" + key.Reveal()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func meaning(code int64) (r post.Refusal) {
	switch code {
	case -1:
		r.Retry, r.Reason = true, "the service is busy"
	case 130101, 410100, 660026:
		r.Retry, r.After, r.Reason = true, penalty, "too many messages"
	case 310000:
		r.Reason = "the robot's protection refuses: its keyword is missing, the signing secret is wrong, or the address is not on its list"
	case 300001, 300005, 400101, 400106:
		r.Reason = "the robot's access token is not valid, or the robot was removed"
	case 400102:
		r.Reason = "the robot was stopped"
	case 460101:
		r.Reason = "the message is too long"
	case 430101:
		r.Reason = "the service finds a link unsafe"
	case 430102, 430103, 430104:
		r.Reason = "the service finds the content unsuitable"
	case 400013:
		r.Reason = "the group was dissolved"
	}
	return r
}
