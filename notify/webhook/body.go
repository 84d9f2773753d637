package webhook

import (
	"time"

	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// The JSON of a message. Names are a promise to receivers and never change.
type payload struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      data   `json:"data"`
}

type data struct {
	Account string `json:"account"`
	Site    string `json:"site"`
	Mid     *int64 `json:"mid"` // null before the first login
	Uname   string `json:"uname"`
	Title   string `json:"title"`
	Text    string `json:"text"`
	Login   *login `json:"login,omitempty"`
	// Accounts is what the message says of each account, where it stands for
	// several; those above are then empty.
	Accounts []account `json:"accounts,omitempty"`
}

type account struct {
	Account string `json:"account"`
	Site    string `json:"site"`
	Mid     *int64 `json:"mid"`
	Uname   string `json:"uname"`
	PageURL string `json:"page_url"`
}

type login struct {
	ID        string `json:"id"`
	URL       string `json:"url"`
	AppURL    string `json:"app_url"`
	PNG       []byte `json:"qr_png_base64"` // a []byte is base64 in JSON
	PageURL   string `json:"page_url"`
	ExpiresAt string `json:"expires_at"`
}

// Body is the JSON of a message, for channels that hand it on by other means.
func Body(m notify.Message) []byte { return encode(m).Body }

// encode writes the request's body. It depends on the message alone, so that each try of
// the same message has the same one.
func encode(m notify.Message) post.Request {
	p := payload{
		Type: m.Type, Timestamp: stamp(m.Time),
		Data: data{Account: m.Account, Site: m.Site, Mid: known(m.Mid), Uname: m.Uname, Title: m.Title, Text: m.Text},
	}
	if l := m.Login; l != nil {
		p.Data.Login = &login{
			ID: l.ID, URL: l.URL.Reveal(), AppURL: l.AppURL.Reveal(), PNG: append([]byte{}, l.PNG...),
			PageURL: l.PageURL, ExpiresAt: stamp(l.ExpiresAt),
		}
	}
	for _, o := range m.Members {
		p.Data.Accounts = append(p.Data.Accounts, account{
			Account: o.Account, Site: o.Site, Mid: known(o.Mid), Uname: o.Uname, PageURL: o.PageURL,
		})
	}
	return post.JSON(p)
}

// known is null before an account's first login.
func known(mid int64) *int64 {
	if mid == 0 {
		return nil
	}
	return &mid
}

// stamp cuts a time to whole seconds, which makes an expiry early, never late.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
