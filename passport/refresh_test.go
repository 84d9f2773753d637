package passport_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// signedIn is a site behind real HTTP, a client of it, and a session.
type signedIn struct {
	*testing.T
	site    *passporttest.Site
	url     string
	client  *passport.Client
	session passport.Session
	token   secret.String
}

func signIn(t *testing.T) *signedIn {
	t.Helper()
	site := newSite()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return signInVia(t, site, server.URL, passport.Options{})
}

func signInVia(t *testing.T, site *passporttest.Site, url string, o passport.Options) *signedIn {
	t.Helper()
	o.Endpoints, o.CorrespondKey = site.Endpoints(url), site.Refresh.CorrespondKey()
	if o.Limiter == nil {
		o.Limiter = generous()
	}
	c := client(t, o)
	grant := login(t, site, c)
	return &signedIn{T: t, site: site, url: url, client: c, session: session(grant), token: grant.RefreshToken}
}

// csrf goes to the page the way that is recommended, with the site's own time.
func (s *signedIn) csrf() secret.String {
	s.Helper()
	info, err := web(s.client).CheckSession(s.Context(), s.session)
	if err != nil {
		s.Fatal(err)
	}
	csrf, err := s.client.RefreshCSRF(s.Context(), s.session, info.ServerTime)
	if err != nil {
		s.Fatal(err)
	}
	return csrf
}

func (s *signedIn) rotate() passport.Grant {
	s.Helper()
	grant, err := s.client.Refresh(s.Context(), s.session, s.csrf(), s.token)
	if err != nil {
		s.Fatal(err)
	}
	return grant
}

// works reports whether the site takes a session for the account's.
func (s *signedIn) works(cookies []passport.Cookie) bool {
	id, err := web(s.client).Identify(s.Context(), passport.Session{Device: device(), Cookies: cookies})
	return err == nil && id.Mid == mid
}

func with(cookies []passport.Cookie, name, value string) []passport.Cookie {
	changed := []passport.Cookie{{Name: name, Value: secret.New(value)}}
	for _, c := range cookies {
		if c.Name != name {
			changed = append(changed, c)
		}
	}
	return changed
}

func is(t *testing.T, what string, err, want error, class passport.Class, code int) {
	t.Helper()
	e, _ := errors.AsType[*passport.Error](err)
	if want == nil && class == passport.OK {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if want != nil && !errors.Is(err, want) || passport.ClassOf(err) != class || e == nil || e.Code != code || !e.Sent {
		t.Errorf("%s: %v (%+v), want %v, class %s, code %d", what, err, e, want, class, code)
	}
}

func TestWhatIsValidWhen(t *testing.T) {
	s := signIn(t)
	s.site.Refresh.SetDue(mid, true)
	old := s.session.Cookies
	state := func(when string, oldWorks, newWorks bool, fresh []passport.Cookie) {
		t.Helper()
		if s.works(old) != oldWorks || fresh != nil && s.works(fresh) != newWorks {
			t.Errorf("%s: old %v, new %v", when, s.works(old), s.works(fresh))
		}
	}
	state("before", true, false, nil)
	grant := s.rotate()
	state("after the refresh", true, true, grant.Cookies)
	if info, err := web(s.client).CheckSession(t.Context(), s.session); err != nil || info.RefreshDue {
		t.Errorf("still due: %+v, %v", info, err)
	}
	if n := len(s.site.Refresh.Pairs(mid)); n != 2 {
		t.Errorf("%d pairs live, want both", n)
	}
	fresh := passport.Session{Device: device(), Cookies: grant.Cookies}
	if err := s.client.Confirm(t.Context(), fresh, s.token); err != nil {
		t.Fatal(err)
	}
	state("after the confirmation", false, true, grant.Cookies)
	if s.site.Refresh.Rotations(mid) != 1 || s.site.Refresh.Confirms(mid) != 1 {
		t.Errorf("%d rotations, %d confirmations", s.site.Refresh.Rotations(mid), s.site.Refresh.Confirms(mid))
	}
	pairs := s.site.Refresh.Pairs(mid)
	if len(pairs) != 1 || pairs[0].RefreshToken != grant.RefreshToken.Reveal() || pairs[0].SESSDATA != value(grant.Cookies, "SESSDATA") {
		t.Errorf("pairs %v", pairs)
	}
	// The new pair is a whole one: it can be rotated in its turn.
	s.session, s.token = fresh, grant.RefreshToken
	if again := s.rotate(); again.Mid() != mid || again.RefreshToken.Equal(grant.RefreshToken) {
		t.Errorf("the second rotation: mid %d", again.Mid())
	}
}

func TestUnconfirmedLivesOn(t *testing.T) {
	s := signIn(t)
	s.rotate()
	if !s.works(s.session.Cookies) {
		t.Error("the old session died unconfirmed")
	}
}

func TestThePage(t *testing.T) {
	s := signIn(t)
	now := time.Now()
	other := signIn(t)
	for _, row := range []struct {
		name    string
		prepare func()
		client  *passport.Client
		session passport.Session
		at      time.Time
		want    error
		class   passport.Class
	}{
		{"the site's time", nil, s.client, s.session, now, nil, passport.OK},
		{"the local time", nil, s.client, s.session, time.Time{}, nil, passport.OK},
		{"a minute ago", nil, s.client, s.session, now.Add(-time.Minute), nil, passport.OK},
		{"the future", nil, s.client, s.session, now.Add(time.Minute), passport.ErrPathRefused, passport.Unknown},
		{"long ago", nil, s.client, s.session, now.Add(-time.Hour), passport.ErrPathRefused, passport.Unknown},
		{"1970", nil, s.client, s.session, time.Unix(1, 0), passport.ErrPathRefused, passport.Unknown},
		{"another key", nil, client(t, passport.Options{
			Endpoints: s.site.Endpoints(s.url), Limiter: generous(), CorrespondKey: other.site.Refresh.CorrespondKey(),
		}), s.session, now, passport.ErrPathRefused, passport.Unknown},
		{"the built-in key", nil, client(t, passport.Options{Endpoints: s.site.Endpoints(s.url), Limiter: generous()}),
			s.session, now, passport.ErrPathRefused, passport.Unknown},
		{"an empty page", func() { s.site.Refresh.EmptyPage(1) }, s.client, s.session, now, passport.ErrNoCSRF, passport.Unknown},
		{"after the empty page", nil, s.client, s.session, now, nil, passport.OK},
		{"a session of nobody's", nil, s.client, fakeSession(), now, passport.ErrNoCSRF, passport.Unknown},
		{"local clock a little ahead", func() { s.site.SetClockOffset(-10 * time.Second) }, s.client, s.session, time.Time{}, nil, passport.OK},
		{"local clock far ahead", func() { s.site.SetClockOffset(-time.Minute) }, s.client, s.session, time.Time{}, passport.ErrPathRefused, passport.Unknown},
		{"blocked", func() { s.site.SetTrouble(passporttest.PathCorrespond, passporttest.HTTP412) }, s.client, s.session, now, nil, passport.Blocked},
	} {
		s.site.ResetLog()
		if row.prepare != nil {
			row.prepare()
		}
		csrf, err := row.client.RefreshCSRF(t.Context(), row.session, row.at)
		is(t, row.name, err, row.want, row.class, 0)
		if ok := len(csrf.Reveal()) == 32; ok != (err == nil) {
			t.Errorf("%s: csrf of %d characters", row.name, len(csrf.Reveal()))
		}
		if n := s.site.Requests(passporttest.PathCorrespond); n != 1 {
			t.Errorf("%s: %d requests", row.name, n)
		}
	}
}

// However wrong the local clock is, the site's own time leads to the page.
func TestTheSitesTimeIsEnough(t *testing.T) {
	for _, offset := range []time.Duration{-24 * time.Hour, -time.Minute, time.Minute, 24 * time.Hour} {
		s := signIn(t)
		s.site.SetClockOffset(offset)
		s.rotate()
	}
}

// A path that waited for its turn says when it left, not when it was wanted.
func TestThePathDoesNotAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		s := signInVia(t, site, base, passport.Options{
			Transport: site.Transport(), Limiter: passport.NewLimiter(passport.Limits{PerMinute: 1}, passport.LimiterOptions{}),
		})
		var others sync.WaitGroup
		for i := range 10 {
			others.Go(func() {
				_, _ = web(s.client).Generate(t.Context(), passport.Device{Key: fmt.Sprint(i)}, passport.ProfileHeader)
			})
		}
		synctest.Wait()
		for _, zero := range []bool{false, true} {
			start := time.Now()
			at := start
			if zero {
				at = time.Time{}
			}
			if _, err := s.client.RefreshCSRF(t.Context(), s.session, at); err != nil {
				t.Error(err)
			}
			if waited := time.Since(start); !zero && waited < 8*time.Minute {
				t.Errorf("it waited for %v only", waited)
			}
		}
		others.Wait()
	})
}

func TestRefreshCodes(t *testing.T) {
	s := signIn(t)
	spent := s.csrf()
	if _, err := s.client.Refresh(t.Context(), s.session, spent, s.token); err != nil {
		t.Fatal(err)
	}
	other := signInVia(t, s.site, s.url, passport.Options{})
	unknown := secret.New("00112233445566778899aabbccddeeff")
	good := s.session.Cookies
	for _, row := range []struct {
		name    string
		cookies []passport.Cookie
		csrf    secret.String
		token   secret.String
		want    error
		class   passport.Class
		code    int
	}{
		{"nobody's session", fakeSession().Cookies, s.csrf(), s.token, nil, passport.Dead, -101},
		{"bili_jct of another session", with(good, "bili_jct", "00000000000000000000000000000001"), s.csrf(), s.token, passport.ErrWrongCSRF, passport.Unknown, -111},
		{"an invented code", good, unknown, s.token, passport.ErrMismatch, passport.Unknown, 86095},
		{"a code that was used", good, spent, s.token, passport.ErrMismatch, passport.Unknown, 86095},
		{"another session's code", good, other.csrf(), s.token, passport.ErrMismatch, passport.Unknown, 86095},
		{"an invented token", good, s.csrf(), unknown, passport.ErrMismatch, passport.Unknown, 86095},
		{"another session's token", good, s.csrf(), other.token, passport.ErrMismatch, passport.Unknown, 86095},
	} {
		before := s.site.Refresh.Rotations(mid)
		grant, err := s.client.Refresh(t.Context(), passport.Session{Device: device(), Cookies: row.cookies}, row.csrf, row.token)
		is(t, row.name, err, row.want, row.class, row.code)
		if len(grant.Cookies) != 0 || s.site.Refresh.Rotations(mid) != before || !s.works(good) {
			t.Errorf("%s: it had an effect", row.name)
		}
	}
}

func TestOldTokenReuse(t *testing.T) {
	for reuse, want := range map[passporttest.Reuse]error{
		passporttest.ReuseAllowed: nil, passporttest.ReuseDenied: passport.ErrMismatch,
	} {
		s := signIn(t)
		s.site.Refresh.SetOldTokenReuse(reuse)
		s.site.LoseReply(passporttest.PathRefresh, 1)
		_, err := s.client.Refresh(t.Context(), s.session, s.csrf(), s.token)
		is(t, "the lost reply", err, nil, passport.Unreachable, 0)
		if s.site.Refresh.Rotations(mid) != 1 || s.site.Requests(passporttest.PathRefresh) != 1 {
			t.Errorf("%d rotations by %d requests", s.site.Refresh.Rotations(mid), s.site.Requests(passporttest.PathRefresh))
		}
		if !s.works(s.session.Cookies) {
			t.Error("the old session died unconfirmed")
		}
		grant, err := s.client.Refresh(t.Context(), s.session, s.csrf(), s.token)
		if !errors.Is(err, want) || !s.works(s.session.Cookies) {
			t.Errorf("%s: %v", reuse, err)
		}
		if want == nil && !s.works(grant.Cookies) {
			t.Errorf("%s: the second pair does not work", reuse)
		}
	}
}

// A reply that breaks off after its headers: the cookies are told, the error
// stays, and no token is made up.
func TestRefreshWhoseBodyBroke(t *testing.T) {
	s := signIn(t)
	s.site.CutReply(passporttest.PathRefresh, 1)
	grant, err := s.client.Refresh(t.Context(), s.session, s.csrf(), s.token)
	is(t, "cut", err, nil, passport.Unreachable, 0)
	if !grant.RefreshToken.IsZero() || !s.works(grant.Cookies) || !s.works(s.session.Cookies) {
		t.Errorf("grant of %d cookies", len(grant.Cookies))
	}
}

func TestConfirmCodes(t *testing.T) {
	s := signIn(t)
	grant := s.rotate()
	fresh := grant.Cookies
	for _, row := range []struct {
		name    string
		cookies []passport.Cookie
		token   secret.String
		want    error
		class   passport.Class
		code    int
	}{
		{"nobody's session", fakeSession().Cookies, s.token, nil, passport.Dead, -101},
		{"the old bili_jct", with(fresh, "bili_jct", value(s.session.Cookies, "bili_jct")), s.token, passport.ErrRefused, passport.Unknown, -111},
		{"the new token", fresh, grant.RefreshToken, passport.ErrRefused, passport.Unknown, -400},
		{"the old session", s.session.Cookies, s.token, passport.ErrRefused, passport.Unknown, -400},
	} {
		err := s.client.Confirm(t.Context(), passport.Session{Device: device(), Cookies: row.cookies}, row.token)
		is(t, row.name, err, row.want, row.class, row.code)
		if !s.works(fresh) || !s.works(s.session.Cookies) || s.site.Refresh.Confirms(mid) != 0 {
			t.Errorf("%s: it had an effect", row.name)
		}
	}
	s.site.LoseReply(passporttest.PathConfirm, 1)
	confirm := func() error {
		return s.client.Confirm(t.Context(), passport.Session{Device: device(), Cookies: fresh}, s.token)
	}
	is(t, "the lost reply", confirm(), nil, passport.Unreachable, 0)
	if s.works(s.session.Cookies) || s.site.Refresh.Confirms(mid) != 1 {
		t.Error("it did not act")
	}
	is(t, "once more", confirm(), passport.ErrRefused, passport.Unknown, -400)
	if !s.works(fresh) {
		t.Error("a second confirmation did harm")
	}
}

func TestLogout(t *testing.T) {
	s := signIn(t)
	wrong := passport.Session{Device: device(), Cookies: with(s.session.Cookies, "bili_jct", "00000000000000000000000000000001")}
	is(t, "a wrong csrf", web(s.client).Logout(t.Context(), wrong), passport.ErrWrongCSRF, passport.Unknown, 2202)
	if !s.works(s.session.Cookies) {
		t.Error("it ended the session")
	}
	is(t, "logout", web(s.client).Logout(t.Context(), s.session), nil, passport.OK, 0)
	if s.works(s.session.Cookies) {
		t.Error("the session lives")
	}
	is(t, "logout again", web(s.client).Logout(t.Context(), s.session), passport.ErrAlreadyOut, passport.Unknown, 0)

	s = signIn(t)
	s.site.LoseReply(passporttest.PathLogout, 1)
	is(t, "the lost reply", web(s.client).Logout(t.Context(), s.session), nil, passport.Unreachable, 0)
	is(t, "after it", web(s.client).Logout(t.Context(), s.session), passport.ErrAlreadyOut, passport.Unknown, 0)
}

func TestLogoutReplies(t *testing.T) {
	for body, want := range map[string]passport.Class{
		`{"code":0,"status":true,"ts":1784448000}`: passport.OK,
		`{"code":0}`:                                passport.OK,
		`{"code":0,"status":false}`:                 passport.Unknown,
		`{"code":-101,"status":false}`:              passport.Dead,
		`{"code":-352}`:                             passport.Blocked,
		`{"code":2202,"status":false,"ts":1784448}`: passport.Unknown,
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body),
		})
		if err := web(c).Logout(t.Context(), fakeSession()); passport.ClassOf(err) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What cannot succeed is not sent, and says so.
func TestNotEvenAsked(t *testing.T) {
	site := newSite()
	c := inMemory(t, site, generous())
	some, bare := secret.New("x"), passport.Session{Device: device(), Cookies: fakeSession().Cookies[:1]}
	refresh := func(s passport.Session, csrf, token secret.String) error {
		_, err := c.Refresh(t.Context(), s, csrf, token)
		return err
	}
	for what, row := range map[string]struct{ err, want error }{
		"refresh without bili_jct": {refresh(bare, some, some), passport.ErrWrongCSRF},
		"refresh without a token":  {refresh(fakeSession(), some, secret.String{}), passport.ErrMismatch},
		"refresh without a code":   {refresh(fakeSession(), secret.String{}, some), passport.ErrMismatch},
		"confirm without bili_jct": {c.Confirm(t.Context(), bare, some), passport.ErrRefused},
		"confirm without a token":  {c.Confirm(t.Context(), fakeSession(), secret.String{}), passport.ErrRefused},
		"logout without bili_jct":  {web(c).Logout(t.Context(), bare), passport.ErrWrongCSRF},
	} {
		e, _ := errors.AsType[*passport.Error](row.err)
		if !errors.Is(row.err, row.want) || e == nil || e.Sent || e.Class != passport.Unknown {
			t.Errorf("%s: %v (%+v)", what, row.err, e)
		}
	}
	if n := site.Requests(passporttest.Any); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// net/http repeats a GET by itself where a kept connection turns out to be
// broken. What is spent by a POST is spent once, on such a transport too.
func TestNoPostIsRepeated(t *testing.T) {
	site := newSite()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	keeping := &http.Transport{}
	defer keeping.CloseIdleConnections()
	s := signInVia(t, site, server.URL, passport.Options{Transport: keeping})
	count := func(path string, ask func() error) (int, error) {
		t.Helper()
		if !s.works(s.session.Cookies) { // leaves a connection that is used again
			t.Fatal("the session does not work")
		}
		site.ResetLog()
		site.LoseReply(path, 1)
		err := ask()
		return site.Requests(path), err
	}
	// Without this the rest would prove nothing.
	n, err := count(passporttest.PathCookieInfo, func() error { _, err := web(s.client).CheckSession(t.Context(), s.session); return err })
	if err != nil || n != 2 {
		t.Fatalf("a GET was sent %d times, %v: the connection was not used again", n, err)
	}
	fresh := s.rotate()
	csrf := s.csrf()
	for _, row := range []struct {
		path string
		ask  func() error
	}{
		{passporttest.PathRefresh, func() error { _, err := s.client.Refresh(t.Context(), s.session, csrf, s.token); return err }},
		{passporttest.PathConfirm, func() error { return s.client.Confirm(t.Context(), s.session, s.token) }},
		{passporttest.PathLogout, func() error {
			return web(s.client).Logout(t.Context(), passport.Session{Device: device(), Cookies: fresh.Cookies})
		}},
	} {
		n, err := count(row.path, row.ask)
		if n != 1 {
			t.Errorf("%s was sent %d times", row.path, n)
		}
		is(t, row.path, err, nil, passport.Unreachable, 0)
	}
	if site.Refresh.Rotations(mid) != 2 || site.Refresh.Confirms(mid) != 0 {
		t.Errorf("%d rotations, %d confirmations", site.Refresh.Rotations(mid), site.Refresh.Confirms(mid))
	}
}

func TestRefreshCountsInTheHourlyBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		gate := passport.NewLimiter(passport.Limits{PerMinute: 6000, PerAccountHour: 6}, passport.LimiterOptions{})
		s := signInVia(t, site, base, passport.Options{Transport: site.Transport(), Limiter: gate}) // one: generate
		grant := s.rotate()                                                                         // three
		fresh := passport.Session{Device: device(), Cookies: grant.Cookies}
		if err := s.client.Confirm(t.Context(), fresh, s.token); err != nil {
			t.Fatal(err)
		}
		if err := web(s.client).Logout(t.Context(), fresh); err != nil {
			t.Fatal(err)
		}
		_, err := s.client.RefreshCSRF(t.Context(), fresh, time.Now())
		if e, _ := errors.AsType[*passport.Error](err); e == nil || asked(e) || e.Sent || !strings.Contains(e.Detail, "hourly budget") {
			t.Errorf("the seventh: %v", err)
		}
	})
}
