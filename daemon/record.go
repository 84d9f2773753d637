package daemon

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// record is all that is kept of one account, in one sealed value: its state
// and its secrets change together or not at all. A record that was committed
// is never changed again; readers share it without a lock.
type record struct {
	lifecycle.Account
	device passport.Device
	// credential is in use; staged was granted and is not yet proven.
	credential passport.Grant
	staged     passport.Grant
	// oldToken belongs to the pair before; it is kept until the site was told
	// that the new one is in use.
	oldToken secret.String
	// code is the code that a person may be scanning now.
	code passport.Code
	// sms is what a login by SMS waits for an answer to.
	sms      message
	revision uint64
}

func (r *record) session() passport.Session {
	return passport.Session{Device: r.device, Cookies: r.credential.Cookies}
}

func (r *record) stagedSession() passport.Session {
	return passport.Session{Device: r.device, Cookies: r.staged.Cookies}
}

// The kept… types are the record's form inside the sealed value, the only
// place where secrets become text on their way to the disk.
type keptRecord struct {
	Account    lifecycle.Account `json:"account"`
	Device     keptDevice        `json:"device"`
	Credential *keptGrant        `json:"credential,omitempty"`
	Staged     *keptGrant        `json:"staged,omitempty"`
	OldToken   string            `json:"old_token,omitempty"`
	Code       *keptCode         `json:"code,omitempty"`
	SMS        *keptSMS          `json:"sms,omitempty"`
}

type keptDevice struct {
	UserAgent string `json:"user_agent"`
	Buvid3    string `json:"buvid3,omitempty"`
	Buvid4    string `json:"buvid4,omitempty"`
}

type keptGrant struct {
	Cookies      []keptCookie `json:"cookies"`
	RefreshToken string       `json:"refresh_token,omitempty"`
	HopURL       string       `json:"hop_url,omitempty"`
	BodyMid      int64        `json:"body_mid,omitempty"`
	At           time.Time    `json:"at"`
}

type keptCookie struct {
	Name     string    `json:"name"`
	Value    string    `json:"value"`
	Domain   string    `json:"domain,omitempty"`
	Path     string    `json:"path,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
	HTTPOnly bool      `json:"http_only,omitempty"`
	Secure   bool      `json:"secure,omitempty"`
	SameSite string    `json:"same_site,omitempty"`
}

type keptCode struct {
	URL       string       `json:"url"`
	Key       string       `json:"key"`
	ExpiresAt time.Time    `json:"expires_at"`
	Cookies   []keptCookie `json:"cookies,omitempty"`
}

type keptSMS struct {
	Phone string `json:"phone"`
	CID   int    `json:"cid"`
	Key   string `json:"key,omitempty"`
}

func (r *record) encode() ([]byte, error) {
	k := keptRecord{
		Account: r.Account,
		Device: keptDevice{
			UserAgent: r.device.UserAgent,
			Buvid3:    r.device.Buvid3.Reveal(),
			Buvid4:    r.device.Buvid4.Reveal(),
		},
		Credential: keepGrant(r.credential),
		Staged:     keepGrant(r.staged),
		OldToken:   r.oldToken.Reveal(),
	}
	if !r.code.Key.IsZero() {
		k.Code = &keptCode{URL: r.code.URL.Reveal(), Key: r.code.Key.Reveal(), ExpiresAt: r.code.ExpiresAt, Cookies: keepCookies(r.code.Cookies)}
	}
	if !r.sms.phone.IsZero() {
		k.SMS = &keptSMS{Phone: r.sms.phone.Reveal(), CID: r.sms.cid, Key: r.sms.key.Reveal()}
	}
	return json.Marshal(k)
}

func decodeRecord(data []byte, revision uint64) (*record, error) {
	var k keptRecord
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, fmt.Errorf("read an account's record: %w", err)
	}
	r := &record{
		Account:    k.Account,
		credential: k.Credential.grant(),
		staged:     k.Staged.grant(),
		oldToken:   secret.New(k.OldToken),
		device: passport.Device{
			UserAgent: k.Device.UserAgent,
			Buvid3:    secret.New(k.Device.Buvid3),
			Buvid4:    secret.New(k.Device.Buvid4),
			Key:       k.Account.Name,
		},
		revision: revision,
	}
	if k.Code != nil {
		r.code = passport.Code{URL: secret.New(k.Code.URL), Key: secret.New(k.Code.Key), ExpiresAt: k.Code.ExpiresAt, Cookies: cookies(k.Code.Cookies)}
	}
	if k.SMS != nil {
		r.sms = message{phone: secret.New(k.SMS.Phone), cid: k.SMS.CID, key: secret.New(k.SMS.Key)}
	}
	return r, nil
}

func keepGrant(g passport.Grant) *keptGrant {
	if len(g.Cookies) == 0 && g.RefreshToken.IsZero() && g.HopURL.IsZero() {
		return nil
	}
	return &keptGrant{Cookies: keepCookies(g.Cookies), RefreshToken: g.RefreshToken.Reveal(), HopURL: g.HopURL.Reveal(), BodyMid: g.BodyMid, At: g.At}
}

func keepCookies(list []passport.Cookie) []keptCookie {
	var kept []keptCookie
	for _, c := range list {
		kept = append(kept, keptCookie{
			Name: c.Name, Value: c.Value.Reveal(), Domain: c.Domain, Path: c.Path, Expires: c.Expires,
			HTTPOnly: c.HTTPOnly, Secure: c.Secure, SameSite: c.SameSite,
		})
	}
	return kept
}

func cookies(kept []keptCookie) []passport.Cookie {
	var list []passport.Cookie
	for _, c := range kept {
		list = append(list, passport.Cookie{
			Name: c.Name, Value: secret.New(c.Value), Domain: c.Domain, Path: c.Path, Expires: c.Expires,
			HTTPOnly: c.HTTPOnly, Secure: c.Secure, SameSite: c.SameSite,
		})
	}
	return list
}

func (k *keptGrant) grant() passport.Grant {
	if k == nil {
		return passport.Grant{}
	}
	return passport.Grant{Cookies: cookies(k.Cookies), RefreshToken: secret.New(k.RefreshToken), HopURL: secret.New(k.HopURL), BodyMid: k.BodyMid, At: k.At}
}
