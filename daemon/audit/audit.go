package audit

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

const (
	// window is for how long readings that are the same in all that matters
	// are one note. A tool that asks every minute would otherwise push everything
	// else out of the journal within a week.
	window = time.Hour
	// saveEvery is how often counts are written down.
	saveEvery = time.Minute
	// mostReaders bounds how many readers are known at a time.
	mostReaders = 4096
	// mostPrograms bounds the readers that one user is for an account: what a program
	// calls itself, and in which format it reads, is for it to choose.
	mostPrograms = 64
	// mostHosts is how many addresses over the network are told apart for an account.
	mostHosts = 16
	// mostRefused bounds the notes of refusals to one user in a window: names of
	// accounts are for the asker to choose.
	mostRefused = 60
)

// Audit notes in the journal who was given which credential, and who was not.
// The first reading by a reader is noted before the bytes go out, and so is the
// first of each generation; [ErrLate] says that the disk was not waited for any
// longer. Others within an hour are counted; the next note says how many they were.
// A killed keeper forgets the counts of its last minute, and one that meets
// thousands of readers at a time those of some.
type Audit struct {
	store *store.Store

	saving sync.Mutex // lets one save run at a time; taken before mu
	mu     sync.Mutex // guards what follows
	// counted is true where something was counted since the last save.
	counted bool
	seen    map[reader]*readings
	// read counts what was given since the start, by account.
	read map[string]uint64
	// underWay counts the notes on their way to the disk, late those of them for
	// which somebody has given up waiting.
	underWay, late int
}

// reader is what makes readings the same, beside the generation. The process
// id is not in it: a script has a new one each time.
type reader struct {
	Account string `json:"account,omitempty"`
	Tag     string `json:"tag,omitempty"`
	UID     uint32 `json:"uid"`
	Program string `json:"program,omitempty"`
	Format  string `json:"format,omitempty"`
	Token   bool   `json:"token,omitempty"`
	Refused string `json:"refused,omitempty"` // the verb that was lacking
}

// readings are those of a reader since its last note.
type readings struct {
	Generation uint64    `json:"generation,omitempty"`
	Noted      time.Time `json:"noted"`
	More       uint64    `json:"more,omitempty"`
	// underWay is the note that is being written, nil where there is none.
	underWay *notice
}

func (r *readings) recent(now time.Time) bool {
	age := now.Sub(r.Noted)
	return age >= 0 && age < window
}

// refusals counts what was noted of a user lately.
func (a *Audit) refusals(uid uint32, now time.Time) int {
	n := 0
	for who, r := range a.seen {
		if who.Refused != "" && who.UID == uid && (r.recent(now) || r.underWay != nil) {
			n++
		}
	}
	return n
}

// programs counts the readers that a user is for an account lately.
func (a *Audit) programs(of reader, now time.Time) int {
	n := 0
	for who, r := range a.seen {
		if who.Refused == "" && who.UID == of.UID && who.Account == of.Account && (r.recent(now) || r.underWay != nil) {
			n++
		}
	}
	return n
}

// add makes room for a reader where there is none: first those that have
// nothing to tell any more go, then those that were not noted for the longest.
func (a *Audit) add(who reader, r *readings, now time.Time) {
	if a.seen == nil {
		a.seen = map[reader]*readings{}
	}
	if len(a.seen) >= mostReaders {
		maps.DeleteFunc(a.seen, func(_ reader, r *readings) bool { return r.More == 0 && !r.recent(now) && r.underWay == nil })
	}
	if len(a.seen) >= mostReaders {
		// Several at once, so that not each new reader costs a look at all.
		oldest := slices.SortedFunc(maps.Keys(a.seen), func(x, y reader) int { return a.seen[x].Noted.Compare(a.seen[y].Noted) })
		for _, other := range oldest[:mostReaders/8] {
			delete(a.seen, other)
		}
	}
	a.seen[who] = r
}

// kept is a reader as the vault keeps it over a stop.
type kept struct {
	reader
	readings
}

// Keep saves what was counted once a minute, until ctx ends.
func (a *Audit) Keep(ctx context.Context) {
	every := time.NewTicker(saveEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			// One that cannot be written is told of by whatever else is written, and
			// tried again.
			_ = a.Save()
		}
	}
}

// unsaved is what a save has to write, false where that is nothing new.
func (a *Audit) unsaved() ([]kept, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []kept{}
	now := time.Now()
	for who, r := range a.seen {
		if r.More > 0 || r.recent(now) {
			list = append(list, kept{who, *r})
		}
	}
	counted := a.counted
	a.counted = false
	return list, counted
}

// Save writes down what was counted and not noted. Nobody who reads waits for it.
func (a *Audit) Save() error {
	a.saving.Lock()
	defer a.saving.Unlock()
	list, counted := a.unsaved()
	if !counted {
		return nil
	}
	err := a.save(list)
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.counted = true
	}
	return err
}

func (a *Audit) save(list []kept) error {
	var old []kept
	if revision, err := a.store.Get(store.KindAudit, store.KindAudit, &old); err != nil || revision == 0 && len(list) == 0 {
		return err
	}
	// In order, so that the same counts are the same bytes.
	slices.SortFunc(list, func(x, y kept) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), x.Noted.Compare(y.Noted), cmp.Compare(x.Program, y.Program))
	})
	return a.store.Put(store.KindAudit, store.KindAudit, list, nil)
}

// Open returns the audit of a store, with what the keeper before this one had
// counted and not noted.
func Open(s *store.Store) (*Audit, error) {
	a := &Audit{store: s}
	var list []kept
	if _, err := a.store.Get(store.KindAudit, store.KindAudit, &list); err != nil {
		return nil, fmt.Errorf("load the counts of readings: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range list {
		a.add(k.reader, &k.readings, time.Now())
	}
	return a, nil
}

// Reading is a credential on its way out, or a refusal to let it go.
type Reading struct {
	// Account is "" where one of several was refused; Tag is "" where one was
	// asked for by name.
	Account, Tag     string
	Format           string
	Generation       uint64
	WithRefreshToken bool
	By               socket.Peer
	// User is By's name, or its number.
	User string
	// Verb is what was lacking, of a refusal.
	Verb string
	// Remote is the address of a reader over the network, who is no process here.
	Remote string
}

// Read notes who is given a credential, before it is given. wrote is false where
// the reading was only counted, and where the error is [ErrLate].
func (a *Audit) Read(r Reading) (wrote bool, err error) {
	if a.Count(r) {
		return false, nil
	}
	return a.noteRead(r.reader(), r)
}

// reader is who reads what.
func (r *Reading) reader() reader {
	who := reader{Account: r.Account, Tag: r.Tag, UID: r.By.UID, Program: r.By.Program, Format: r.Format, Token: r.WithRefreshToken}
	if r.Remote != "" {
		who.Program = "network " + hostOf(r.Remote)
	}
	return who
}

// noteRead is Read where it may take a note.
func (a *Audit) noteRead(who reader, r Reading) (wrote bool, err error) {
	data := client.CredentialRead{Format: r.Format, Generation: r.Generation, RefreshToken: r.WithRefreshToken, Tag: r.Tag, Remote: r.Remote}
	if r.Remote == "" {
		data = withPeer(data, r)
	}
	if wrote, err = a.tell(who, r, data); err == nil || r.Remote == "" {
		a.given(r.Account)
	}
	return wrote, err
}

// Count counts a reading that is like one before, and reports whether it is. Most are.
func (a *Audit) Count(r Reading) bool {
	who, now := r.reader(), time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.seen[who]
	if last == nil || last.underWay != nil || last.Generation != r.Generation || !last.recent(now) {
		return false
	}
	a.counted = true
	last.More++
	a.count(who.Account)
	return true
}

// given counts a credential that goes out.
func (a *Audit) given(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(account)
}

// count is given for who holds mu.
func (a *Audit) count(account string) {
	if a.read == nil {
		a.read = map[string]uint64{}
	}
	a.read[account]++
}

// Reads returns how often each account's credential was given since the start.
func (a *Audit) Reads() map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.read)
}

// Refused notes who was kept from a credential.
func (a *Audit) Refused(r Reading) (wrote bool, err error) {
	// What the asker chooses, a program's name or a format, would make every
	// refusal another one.
	who := reader{Account: r.Account, Tag: r.Tag, UID: r.By.UID, Refused: r.Verb}
	data := client.CredentialRead{Denied: true, Verb: r.Verb, RefreshToken: r.WithRefreshToken, Tag: r.Tag}
	return a.tell(who, r, withPeer(data, r))
}

func withPeer(d client.CredentialRead, r Reading) client.CredentialRead {
	d.UID, d.GID, d.PID, d.Program, d.User = &r.By.UID, &r.By.GID, &r.By.PID, &r.By.Program, &r.User
	return d
}

// hostOf leaves out the port of an address, which is another one each time.
func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

func (a *Audit) tell(who reader, r Reading, data client.CredentialRead) (wrote bool, err error) {
	return a.note(who, r.Generation, func(more uint64) error {
		data.Reads = more
		return a.store.Tell(store.Event{Account: r.Account, Data: data, Reader: r.ring()})
	})
}

// ring names whose entries this one may push out of the journal. Nothing of it is
// for the reader to choose.
func (r Reading) ring() string {
	switch {
	case r.Verb != "":
		return fmt.Sprintf("refused %d", r.By.UID)
	case r.Remote != "":
		h := fnv.New32a()
		_, _ = h.Write([]byte(hostOf(r.Remote)))
		return fmt.Sprintf("network %d %s", h.Sum32()%mostHosts, r.Account)
	}
	return fmt.Sprintf("user %d %s", r.By.UID, r.Account)
}
