package serverchan

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxTitle = 32
	maxText  = 8 << 10 // bytes; far from the limit even when all is escaped
)

const turboURL = "https://sctapi.ftqq.com"

var (
	turboKey = regexp.MustCompile(`^SCT[A-Za-z0-9]{8,}$`)
	threeKey = regexp.MustCompile(`^sctp([0-9]{1,12})t[A-Za-z0-9]{8,}$`)
)

// Config is one account.
type Config struct {
	// SendKey begins with SCT for Turbo, with sctp for 3.
	SendKey secret.String
	// BaseURL takes the place of the service's own host.
	BaseURL string
	HTTP    post.Options
}

// Channel sends to one account. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	path   []secret.String
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	key := strings.TrimSpace(cfg.SendKey.Reveal())
	base, path := turboURL, []secret.String{secret.New(key + ".send")}
	if uid := threeKey.FindStringSubmatch(key); uid != nil {
		base, path = "https://"+uid[1]+".push.ft07.com", append([]secret.String{secret.New("send")}, path...)
	} else if !turboKey.MatchString(key) {
		return nil, errors.New("the send key must begin with SCT, or with sctp, digits and a t")
	}
	client, err := post.New("the server's url", cmp.Or(cfg.BaseURL, base), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{Label: post.NewLabel("serverchan", client.Host()), client: client, path: path}, nil
}

type message struct {
	Title string `json:"title"`
	Desp  string `json:"desp"`
	NoIP  string `json:"noip"`
}

// Send sends the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	var path []string
	for _, p := range c.path {
		path = append(path, p.Reveal())
	}
	reply, err := c.client.Do(ctx, post.JSON(compose(m), path...))
	if err != nil {
		return notify.Receipt{}, err
	}
	var said struct {
		Code *int `json:"code"`
	}
	switch {
	case !reply.Decode(&said) || said.Code == nil:
		return notify.Receipt{}, c.client.Nonsense(reply)
	case *said.Code != 0:
		return notify.Receipt{}, c.client.Refused(reply, meaning(*said.Code))
	}
	return notify.Receipt{Answer: "code 0"}, nil
}

// meaning says what a code means: 4… is the sender's fault, a wrong key or too
// many messages in a day; another try today is none the wiser.
func meaning(code int) post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(code), Retry: true, Reason: "the service is in trouble"}
	if strings.HasPrefix(r.Code, "4") {
		r.Retry, r.Reason = false, "the send key is not valid, or the day's messages are used up"
	}
	return r
}

// compose writes the text and the link. A line break of Markdown is an empty
// line.
func compose(m notify.Message) message {
	title, text := wording.Line(m.Title), m.Text
	out := message{Title: wording.Clip(title, maxTitle, wording.Runes), NoIP: "1"}
	if out.Title != title {
		text = title + "\n" + text
	}
	text = strings.ReplaceAll(escape(wording.Clip(text, maxText, wording.Bytes)), "\n", "\n\n")
	if link := wording.Link(m); link != "" {
		text += "\n\n<" + strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20", "\n", "").Replace(link) + ">"
	}
	out.Desp = text
	return out
}

func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&-", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
