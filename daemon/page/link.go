package page

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// What one link may cause, however often it is opened.
const (
	// maxCodes bounds the codes that are shown; maxCaptchas and maxMessages
	// the captchas and the SMS that are asked for.
	maxCodes    = 10
	maxCaptchas = 10
	maxMessages = 4
	maxAnswers  = 10
	// maxStreams bounds how many readers a link has at a time.
	maxStreams = 8
)

// How fast a link may be used, and how fast what reaches the site.
const (
	linkRate    rate.Limit = 5
	actionRate  rate.Limit = 0.2
	linkBurst   int        = 60
	actionBurst int        = 6
)

// link is what is remembered of a link that somebody has started. It is lost
// with the process, and other hosts know nothing of it; what a link can cause is then
// bounded by its expiry alone. Which login it follows comes back with its reader.
type link struct {
	claim
	token string
	// requests and actions are the link's own limits.
	requests, actions *rate.Limiter
	// turn is held by the one request that changes the login.
	turn chan struct{}

	mu sync.Mutex // guards what follows
	// login is the login that the page follows, "" before the first start.
	login string
	// exchanges is odd while a login is being given up for another one.
	exchanges int
	// numbers are those of the codes that were shown.
	numbers  map[shownCode]int
	spent    map[string]int
	attended time.Time
	streams  int
}

// shownCode is one of a login's codes.
type shownCode struct {
	login string
	code  int
}

// links holds one link for each token that was opened. Only tokens that the
// keeper made get here, so that their number is the keeper's doing.
type links struct {
	mu sync.Mutex // guards of, and is taken before no other
	of map[string]*link
}

func newLinks() *links { return &links{of: map[string]*link{}} }

func (l *links) get(token string, c claim) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.of[token]; found != nil {
		return found
	}
	now := time.Now()
	for name, old := range l.of {
		if !now.Before(old.until) {
			delete(l.of, name)
		}
	}
	made := &link{claim: c, token: token, turn: make(chan struct{}, 1), numbers: map[shownCode]int{}, spent: map[string]int{},
		requests: rate.NewLimiter(linkRate, linkBurst), actions: rate.NewLimiter(actionRate, actionBurst)}
	l.of[token] = made
	return made
}

// lock waits for the link's turn.
func (l *link) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *link) unlock() { <-l.turn }

// follow makes a login the one that the page shows.
func (l *link) follow(login client.Login) {
	l.mu.Lock()
	l.login = login.ID
	l.mu.Unlock()
	l.count(login)
}

// exchange marks the beginning and the end of giving up one login for another.
// The one that was given up is not to be taken for the end of the matter.
func (l *link) exchange() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.exchanges++
}

// exchanging returns how often exchange was called, and whether one is going on.
func (l *link) exchanging() (calls int, now bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exchanges, l.exchanges%2 == 1
}

func (l *link) followed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.login
}

// count notes a code that the page shows and returns its number: codes are
// counted over all logins of the link, so that no two have the same. A reader that
// comes late with the code before counts none anew.
func (l *link) count(login client.Login) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if login.URL == "" {
		return len(l.numbers)
	}
	code := shownCode{login.ID, login.Code}
	if l.numbers[code] == 0 {
		l.numbers[code] = len(l.numbers) + 1
	}
	return l.numbers[code]
}

// codesLeft is how many more codes the link may cause.
func (l *link) codesLeft() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, maxCodes-len(l.numbers))
}

// spend takes one of a bounded number of something.
func (l *link) spend(what string, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spent[what] >= most {
		return false
	}
	l.spent[what]++
	return true
}

// toAttend reports, once in a while, that the keeper is to be told that a
// person is still there.
func (l *link) toAttend(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.numbers) >= maxCodes || now.Sub(l.attended) < attendEvery {
		return false
	}
	l.attended = now
	return true
}

// started notes that a reader has started the page.
func (l *link) started() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attended = time.Now()
}

// enter counts a stream; leave has to follow where it is true.
func (l *link) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams >= maxStreams {
		return false
	}
	l.streams++
	return true
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
}
