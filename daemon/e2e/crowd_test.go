//go:build unix

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	crowdClients  = 64
	crowdAccounts = 3
	crowdTime     = 3 * time.Second
)

// TestCrowd lets many clients at the socket at once, in every way that there is
// to read, while the accounts rotate. None is refused, what each is given is a
// pair that the site issued for that account, and nobody is given an older one
// than before.
func TestCrowd(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { c.lasts(cancel) })
	for i := range crowdAccounts {
		all.Go(func() { c.rotate(ctx, crowdName(i)) })
	}
	for n := range crowdClients {
		all.Go(func() {
			(&member{crowd: c, client: &client.Client{Socket: c.socket()}, had: map[string]uint64{}}).run(ctx, n)
		})
	}
	all.Wait()
	t.Logf("%d answers, %d of them credentials, %d rotations", c.answers.Load(), c.credentials.Load(), c.rotations.Load())
	c.counts()
	c.stop()
	c.verifyVault()
}

// lasts ends it after its time, or later where too little has happened until then.
func (c *crowd) lasts(end func()) {
	defer end()
	time.Sleep(crowdTime)
	enough := func() bool { return c.credentials.Load() >= crowdClients && c.rotations.Load() >= crowdAccounts }
	for over := time.Now().Add(patience); !enough() && !c.t.Failed(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(over) {
			c.t.Error("too little happened")
			return
		}
	}
}

// crowd is a keeper that many ask.
type crowd struct {
	*stage
	answers, credentials, rotations atomic.Int64
	// read counts what was handed out with a note or a count, by account.
	read [crowdAccounts]atomic.Int64
}

func crowdName(i int) string { return fmt.Sprintf("account-%d", i) }
func crowdMid(i int) int64   { return int64(700000000 + i) }

func newCrowd(t *testing.T) *crowd {
	c := &crowd{stage: newStage(t, nil)}
	c.configure(settings{schedule: "@every 1h", refresh: true})
	text, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range crowdAccounts {
		text = fmt.Appendf(text, "[[account]]\nname = %q\ntags = [\"crowd\"]\n", crowdName(i))
	}
	if err := os.WriteFile(c.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.start()
	for i := range crowdAccounts {
		c.site.AddUser(crowdMid(i), crowdName(i))
		c.takeOver(crowdName(i), crowdMid(i))
	}
	return c
}

// rotate renews an account's credential all the time. The last one may be cut
// off by the end.
func (c *crowd) rotate(ctx context.Context, name string) {
	for ctx.Err() == nil {
		r, err := c.client.Refresh(c.t.Context(), name, true)
		if err != nil || r.Outcome != client.RefreshDone {
			c.t.Errorf("%s: %s, %v", name, r.Outcome, err)
			return
		}
		c.rotations.Add(1)
	}
}

// counts compares the journal with what was handed out: noted, or counted and
// told with the next note. What was counted since the last note is not told yet,
// so the journal never has more.
func (c *crowd) counts() {
	c.t.Helper()
	var told [crowdAccounts]int64
	notes := 0
	for _, e := range c.events(client.EventCredentialRead) {
		var d struct{ Reads int64 }
		if err := json.Unmarshal(e.Data, &d); err != nil {
			c.t.Fatal(err)
		}
		for i := range crowdAccounts {
			if e.Account == crowdName(i) {
				told[i] += 1 + d.Reads
			}
		}
		notes++
	}
	for i := range crowdAccounts {
		if n := c.read[i].Load(); told[i] > n || told[i] == 0 {
			c.t.Errorf("%s: the journal tells of %d readings, there were %d", crowdName(i), told[i], n)
		}
	}
	// A note for each generation in each of the formats.
	if most := int(c.rotations.Load()+crowdAccounts) * 8; notes > most {
		c.t.Errorf("%d notes for %d readings, at most %d are due", notes, c.credentials.Load(), most)
	}
}

// member is one of the crowd.
type member struct {
	*crowd
	client *client.Client
	had    map[string]uint64 // account → the newest generation
}

func (m *member) run(ctx context.Context, n int) {
	ways := []func(context.Context, int) error{m.header, m.full, m.same, m.longPoll, m.any, m.status, m.journal, m.watch}
	for ctx.Err() == nil && !m.t.Failed() {
		n++
		way := ways[n%len(ways)]
		// What has begun is ended: a refusal at the end would be one, too.
		if err := way(m.t.Context(), rand.IntN(crowdAccounts)); err != nil {
			m.t.Errorf("way %d: %v", n%len(ways), err)
			return
		}
		m.answers.Add(1)
	}
}

// took notes what an account's credential was, and that it is no older than
// the one before.
func (m *member) took(i int, generation uint64) error {
	m.credentials.Add(1)
	m.read[i].Add(1)
	name := crowdName(i)
	if generation < m.had[name] {
		return fmt.Errorf("%s: generation %d after %d", name, generation, m.had[name])
	}
	m.had[name] = generation
	return nil
}

// issued reports whether the site issued a pair to an account's user. A token
// is left out where the format has none.
func (m *member) issued(i int, session, token string) error {
	ok := slices.ContainsFunc(m.site.Refresh.Pairs(crowdMid(i)), func(p passporttest.Pair) bool {
		return p.SESSDATA == session && (token == "" || p.RefreshToken == token)
	})
	if !ok || session == "" {
		return fmt.Errorf("%s: a pair that the site did not issue", crowdName(i))
	}
	return nil
}

func (m *member) header(ctx context.Context, i int) error {
	got, err := m.client.Credential(ctx, crowdName(i), client.CredentialOptions{})
	if err != nil {
		return err
	}
	set := cookies(string(got.Body))
	if set["DedeUserID"] != fmt.Sprint(crowdMid(i)) {
		return fmt.Errorf("%s: the cookies of %s", crowdName(i), set["DedeUserID"])
	}
	return errors.Join(m.took(i, got.Generation), m.issued(i, set["SESSDATA"], ""))
}

// document is what of the format json is looked at.
type document struct {
	Account      string `json:"account"`
	Mid          int64  `json:"mid"`
	Generation   uint64 `json:"generation"`
	RefreshToken string `json:"refresh_token"`
	Cookies      []struct{ Name, Value string }
}

func (m *member) full(ctx context.Context, i int) error {
	got, err := m.client.Credential(ctx, crowdName(i), client.CredentialOptions{Format: "json", WithRefreshToken: true})
	if err != nil {
		return err
	}
	return m.document(i, got)
}

func (m *member) document(i int, got client.Credential) error {
	var d document
	if err := json.Unmarshal(got.Body, &d); err != nil {
		return err
	}
	session := ""
	for _, c := range d.Cookies {
		if c.Name == "SESSDATA" {
			session = c.Value
		}
	}
	if d.Account != crowdName(i) || d.Mid != crowdMid(i) || d.Generation != got.Generation || d.RefreshToken == "" {
		return fmt.Errorf("%s: of %s, mid %d, generation %d and %d", crowdName(i), d.Account, d.Mid, d.Generation, got.Generation)
	}
	return errors.Join(m.took(i, got.Generation), m.issued(i, session, d.RefreshToken))
}

// same asks with the tag that it has, as a browser or curl would.
func (m *member) same(ctx context.Context, i int) error {
	before := m.had[crowdName(i)]
	way := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", m.socket())
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v1/accounts/"+crowdName(i)+"/credential", nil)
	if err != nil {
		return err
	}
	req.Header.Set("If-None-Match", fmt.Sprintf("%q", fmt.Sprint(before)))
	resp, err := way.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var generation uint64
	if _, err := fmt.Sscanf(resp.Header.Get("ETag"), `"%d"`, &generation); err != nil {
		return err
	}
	switch {
	case resp.StatusCode == http.StatusNotModified && generation == before && len(body) == 0:
		return nil
	case resp.StatusCode != http.StatusOK || generation == before:
		return fmt.Errorf("%s: %s, generation %d after %d", crowdName(i), resp.Status, generation, before)
	}
	return errors.Join(m.took(i, generation), m.issued(i, cookies(string(body))["SESSDATA"], ""))
}

// longPoll asks for a newer one than it has.
func (m *member) longPoll(ctx context.Context, i int) error {
	before := m.had[crowdName(i)]
	got, err := m.client.Credential(ctx, crowdName(i), client.CredentialOptions{After: before, Wait: 300 * time.Millisecond})
	switch {
	case err != nil:
		return err
	case got.NotModified && got.Generation == before:
		return nil
	case got.NotModified || got.Generation <= before:
		return fmt.Errorf("%s: generation %d after %d, not modified: %v", crowdName(i), got.Generation, before, got.NotModified)
	}
	return errors.Join(m.took(i, got.Generation), m.issued(i, cookies(string(got.Body))["SESSDATA"], ""))
}

func (m *member) any(ctx context.Context, _ int) error {
	got, err := m.client.AnyCredential(ctx, "crowd", client.CredentialOptions{Format: "json", WithRefreshToken: true})
	if err != nil {
		return err
	}
	for i := range crowdAccounts {
		if got.Account == crowdName(i) {
			return m.document(i, got)
		}
	}
	return fmt.Errorf("a credential of %q", got.Account)
}

func (m *member) status(ctx context.Context, _ int) error {
	s, err := m.client.Status(ctx)
	if err != nil {
		return err
	}
	if len(s.Accounts) != crowdAccounts || slices.ContainsFunc(s.Accounts, func(a client.Account) bool { return a.State != client.StateValid }) {
		return fmt.Errorf("status: %+v", s.Accounts)
	}
	return nil
}

func (m *member) journal(ctx context.Context, i int) error {
	list, err := m.client.Events(ctx, client.EventQuery{Account: crowdName(i), Limit: 5})
	if err == nil && len(list) == 0 {
		err = errors.New("the journal is empty")
	}
	return err
}

// watch takes the first entries of a stream.
func (m *member) watch(ctx context.Context, i int) error {
	enough := errors.New("enough")
	last := uint64(0)
	err := m.client.Watch(ctx, client.WatchQuery{Account: crowdName(i)}, func(e client.Event) error {
		if e.ID <= last || !strings.HasPrefix(e.Account, "account-") {
			return fmt.Errorf("event %d of %q after %d", e.ID, e.Account, last)
		}
		if last = e.ID; last >= 3 {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}
