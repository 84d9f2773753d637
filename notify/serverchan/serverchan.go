package serverchan

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxTitle = 32
	maxShort = 64
	maxText  = 8 << 10 // bytes; far from the limit even when all is escaped
)

// ban is how long an address is left alone that has called too often.
const ban = 24 * time.Hour

const turboURL = "https://sctapi.ftqq.com"

var (
	turboKey = lazyregexp.New(`^SCT[A-Za-z0-9]{8,}$`)
	threeKey = lazyregexp.New(`^sctp([0-9]{1,12})t[A-Za-z0-9]{8,}$`)
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
	if uid := threeKey().FindStringSubmatch(key); uid != nil {
		base, path = "https://"+uid[1]+".push.ft07.com", append([]secret.String{secret.New("send")}, path...)
	} else if !turboKey().MatchString(key) {
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
	Short string `json:"short"`
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
	// A refusal comes as 400, and the code says more.
	var said answer
	decoded := reply.Decode(&said) && said.Code != nil
	switch {
	case decoded && *said.Code != 0 && (err == nil || reply.Status == http.StatusBadRequest):
		return notify.Receipt{}, c.client.Refused(reply, said.meaning())
	case reply.Status == http.StatusTooManyRequests:
		return notify.Receipt{}, c.client.Refine(reply, err, post.Refusal{After: ban, Reason: "this machine has called too often"})
	case err != nil:
		return notify.Receipt{}, err
	case !decoded:
		return notify.Receipt{}, c.client.Nonsense(reply)
	}
	return notify.Receipt{Answer: "code 0"}, nil
}

type answer struct {
	Code *int `json:"code"`
	// Sub is a code beside the code that not all answers have.
	Sub  int    `json:"scode"`
	Text string `json:"message"`
}

// The codes of a key that is not valid, and of a day that is used up.
const (
	codeKey = 461
	codeDay = 471
)

// meaning says what an answer means: 4… is the sender's fault. One code stands
// for a wrong key and for a day that is used up; the text tells them apart.
func (a answer) meaning() post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(*a.Code)}
	switch {
	case *a.Code == codeDay, a.Sub == codeDay, strings.Contains(a.Text, "发送次数"):
		r.Retry, r.After, r.Reason = true, post.UntilTomorrow(time.Now()), "the day's messages are used up"
	case *a.Code == codeKey, a.Sub == codeKey, *a.Code == 40001:
		r.Reason = "the send key is not valid"
	case strings.HasPrefix(r.Code, "4"):
		r.Reason = "the message is not as it should be"
	default:
		r.Retry, r.Reason = true, "the service is in trouble"
	}
	return r
}

// compose writes the text and the link. A line break of Markdown is an empty
// line.
func compose(m notify.Message) message {
	title, text := plain.Line(m.Title), m.Text
	out := message{
		Title: wording.Clip(title, maxTitle, wording.Runes), NoIP: "1",
		Short: wording.Clip(plain.Line(text), maxShort, wording.Runes),
	}
	if out.Title != title {
		text = title + "\n" + text
	}
	shown := wording.Clip(text, maxText, wording.Bytes)
	text = wording.Mark(shown, escape, link)
	text = strings.ReplaceAll(text, "\n", "\n\n")
	if to := wording.Missing(m, shown); to != "" {
		text += "\n\n" + link(to)
	}
	if to := wording.AppLink(m); to != "" {
		text += "\n\n" + link(to)
	}
	out.Desp = text
	return out
}

// link writes an address so that it can be tapped. An address in <> is taken for
// HTML, which does not show.
func link(to string) string {
	safe := strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", "\n", "").Replace(to)
	return "[" + escape(to) + "](" + safe + ")"
}

func escape(s string) string { return wording.Escape(s, "\\`*_{}[]<>()#+!|~&-") }
