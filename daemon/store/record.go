package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Record is all that is kept of one account, in one sealed value: its state and
// its secrets change together or not at all.
type Record struct {
	Brief
	Secrets
	// packing is nil where the secrets were not unpacked. It is a function because fmt
	// prints fields that are not exported, with the secrets in them, and no function.
	packing func() *packing
}

// Brief is what is kept of an account beside its secrets.
type Brief struct {
	lifecycle.Account
	// Preferences are what people chose for the account.
	Preferences Preferences
	// Revision is the vault's, to be given back with the next change.
	Revision uint64
	// Counted is the time of the last check that the history has, or will have.
	Counted   time.Time
	uncounted uncounted
}

// Secrets are what an account logs in with, and what is under way to that.
type Secrets struct {
	Device passport.Device `json:"device"`
	// Credential is in use; StagedGrant was granted and is not yet proven.
	Credential  passport.Grant `json:"credential,omitzero"`
	StagedGrant passport.Grant `json:"staged,omitzero"`
	// Spare is what a refresh gave that is no whole pair. It is of use once the
	// credential is dead, and gone with the next generation.
	Spare passport.Grant `json:"spare,omitzero"`
	// OldToken belongs to the pair before; it is kept until the site was told
	// that the new one is in use.
	OldToken secret.String `json:"old_token,omitempty"`
	// Code is the code that a person may be scanning now.
	Code passport.Code `json:"code,omitzero"`
	// SMS is what a login by SMS waits for an answer to.
	SMS SMS `json:"sms,omitzero"`
	// Scans is which of the site's pages learned of scanned codes.
	Scans Scans `json:"scans,omitzero"`
}

// same reports whether two are the same. It is asked twice a check, and reflection takes
// some microseconds for it; a test sees that no field is forgotten.
func (s *Secrets) same(o *Secrets) bool {
	return s.Device == o.Device && sameGrant(&s.Credential, &o.Credential) && sameGrant(&s.StagedGrant, &o.StagedGrant) && sameGrant(&s.Spare, &o.Spare) &&
		s.OldToken == o.OldToken && sameCode(&s.Code, &o.Code) && s.SMS == o.SMS && s.Scans == o.Scans
}

func sameGrant(g, o *passport.Grant) bool {
	return slices.Equal(g.Cookies, o.Cookies) && g.RefreshToken == o.RefreshToken && g.HopURL == o.HopURL && g.At == o.At && g.BodyMid == o.BodyMid && g.Left == o.Left
}

func sameCode(c, o *passport.Code) bool {
	return c.URL == o.URL && c.Key == o.Key && c.ExpiresAt == o.ExpiresAt && slices.Equal(c.Cookies, o.Cookies) && c.Profile == o.Profile
}

// document is a record as it is on disk. The names in it never change, nor does
// their order.
type document struct {
	Account lifecycle.Account `json:"account"`
	Secrets
	Beside
}

// Beside is what a record's document has at its end.
type Beside struct {
	Preferences Preferences `json:"preferences,omitzero"`
	Uncounted   uncounted   `json:"uncounted,omitzero"`
}

// Preferences are what people chose for an account, in so far as the configuration
// says nothing of it.
type Preferences struct {
	Schedule string   `json:"schedule,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Paused   bool     `json:"paused,omitempty"`
}

// Equal reports whether two say the same.
func (p Preferences) Equal(o Preferences) bool {
	return p.Schedule == o.Schedule && p.Paused == o.Paused && slices.Equal(p.Tags, o.Tags)
}

// SMS is what a message was sent with, which its answer needs.
type SMS struct {
	Phone secret.String `json:"phone"`
	CID   int           `json:"cid"`
	Key   secret.String `json:"key,omitempty"`
}

// Scans remembers which profile the site told of a scan, and chooses the next
// code's.
type Scans struct {
	Profile passport.Profile `json:"profile,omitempty"`
	// Known is true where the site told of a scan under Profile.
	Known bool `json:"known,omitempty"`
	// Unseen counts the codes in a row that ended without the site's word that
	// somebody scanned them. Most of them nobody did.
	Unseen int `json:"unseen,omitempty"`
}

// Seen notes that the site told of a scan.
func (s *Scans) Seen(p passport.Profile) { *s = Scans{Profile: p, Known: true} }

// Next is the profile of the next code. While none is known to work the two take
// turns; one that worked before is left for every third code only.
func (s Scans) Next() passport.Profile {
	if s.Known && s.Unseen%3 == 2 || !s.Known && s.Unseen%2 == 1 {
		return s.Profile.Other()
	}
	return s.Profile
}

// Session is the session in use.
func (r *Record) Session() passport.Session {
	return passport.Session{Device: r.Device, Cookies: r.Credential.Cookies}
}

// StagedSession is the session that was granted and is not yet proven.
func (r *Record) StagedSession() passport.Session {
	return passport.Session{Device: r.Device, Cookies: r.StagedGrant.Cookies}
}

// SpareSession is the session of a refresh that was no whole pair.
func (r *Record) SpareSession() passport.Session {
	return passport.Session{Device: r.Device, Cookies: r.Spare.Cookies}
}

// encode writes the record's document for the vault, which seals it: the only place where
// an account's secrets become text on their way to the disk. Secrets that have not
// changed are written as they were read.
func (r *Record) encode(u uncounted) ([]byte, error) {
	was := r.asPacked()
	if was == nil {
		return secret.Seal{}.Marshal(&document{r.Account, r.Secrets, Beside{r.Preferences, u}})
	}
	account, err := json.Marshal(&r.Account)
	if err != nil {
		return nil, err
	}
	beside, err := json.Marshal(Beside{r.Preferences, u})
	if err != nil {
		return nil, err
	}
	secrets := was.long.Reveal()
	text := make([]byte, 0, len(documentHead)+len(account)+len(secrets)+len(beside))
	text = append(append(append(text, documentHead...), account...), ',')
	text = append(text, secrets[1:len(secrets)-1]...)
	if len(beside) > len("{}") {
		text = append(text, ',')
	}
	return append(text, beside[1:]...), nil
}

// unwritten is a record that could not be written, with what happened.
type unwritten struct {
	Revision uint64          `json:"revision"`
	Record   json.RawMessage `json:"record"`
	Events   []entry         `json:"events"`
}

// Unwritten is a record on top of another that is in the vault, with what happened, for
// a file that is sealed.
func (r *Record) Unwritten(events []client.EventData) ([]byte, error) {
	record, err := r.encode(r.uncounted)
	if err != nil {
		return nil, err
	}
	u := unwritten{Revision: r.Revision, Record: record}
	for _, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		u.Events = append(u.Events, entry{Type: e.EventType(), Data: data})
	}
	return json.Marshal(u)
}

// ReadUnwritten reads what Unwritten returned. The record's revision is that of the
// one that it was made on top of.
func ReadUnwritten(data []byte) (*Record, []client.EventData, error) {
	var u unwritten
	if err := json.Unmarshal(data, &u); err != nil {
		return nil, nil, fmt.Errorf("read an unwritten record: %w", err)
	}
	r, err := decodeRecord(u.Record, u.Revision)
	if err != nil {
		return nil, nil, err
	}
	var events []client.EventData
	for _, e := range u.Events {
		data, err := client.Event{Type: e.Type, Data: e.Data}.Decode()
		if err != nil {
			return nil, nil, fmt.Errorf("read an unwritten event: %w", err)
		}
		events = append(events, data)
	}
	return r, events, nil
}

func decodeRecord(data []byte, revision uint64) (*Record, error) {
	var d document
	if err := (secret.Seal{}).Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("read an account's record: %w", err)
	}
	d.Device.Key = d.Account.Name
	return &Record{
		Brief:   Brief{Account: d.Account, Preferences: d.Preferences, Revision: revision, Counted: d.Account.CheckedAt, uncounted: d.Uncounted},
		Secrets: d.Secrets,
	}, nil
}
