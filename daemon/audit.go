package daemon

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/control"
)

// kindAudit is the record of readings that were counted but not noted when the
// keeper stopped. It is on disk and never changes.
const kindAudit = "audit"

const (
	// auditWindow is for how long readings that are the same in all that matters
	// are one note. A tool that asks every minute would otherwise push everything
	// else out of the journal within a week.
	auditWindow = time.Hour
	// auditReaders bounds how many readers are known at a time.
	auditReaders = 4096
	// auditRefused bounds the notes of refusals to one user in a window: names of
	// accounts are for the asker to choose.
	auditRefused = 60
)

// audit notes in the journal who was given which credential, and who was not.
// The first reading by a reader is noted before the bytes go out, and so is the
// first of each generation. Others within an hour are counted; the next note
// says how many they were. A clean stop keeps the counts; a killed keeper
// forgets them, and so does one that meets thousands of readers at a time.
type audit struct {
	mu   sync.Mutex // guards what follows, and is held while a note is written: nobody passes one that is not on disk
	seen map[reader]*readings
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
}

func (r readings) recent(now time.Time) bool {
	age := now.Sub(r.Noted)
	return age >= 0 && age < auditWindow
}

// note counts a reading, or passes it to write with the number of those that
// were only counted.
func (a *audit) note(who reader, generation uint64, write func(more uint64) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if who.Refused != "" && a.seen[who] == nil && a.refusals(who.UID, now) >= auditRefused {
		who.Account, who.Tag = "", ""
	}
	last := a.seen[who]
	if last != nil && last.Generation == generation && last.recent(now) {
		last.More++
		return nil
	}
	if last == nil {
		last = &readings{}
		a.add(who, last, now)
	}
	if err := write(last.More); err != nil {
		last.More++
		return err
	}
	*last = readings{Generation: generation, Noted: now}
	return nil
}

// refusals counts what was noted of a user lately.
func (a *audit) refusals(uid uint32, now time.Time) int {
	n := 0
	for who, r := range a.seen {
		if who.Refused != "" && who.UID == uid && r.recent(now) {
			n++
		}
	}
	return n
}

// add makes room for a reader where there is none: first those that have
// nothing to tell any more go, then those that were not noted for the longest.
func (a *audit) add(who reader, r *readings, now time.Time) {
	if a.seen == nil {
		a.seen = map[reader]*readings{}
	}
	if len(a.seen) >= auditReaders {
		maps.DeleteFunc(a.seen, func(_ reader, r *readings) bool { return r.More == 0 && !r.recent(now) })
	}
	if len(a.seen) >= auditReaders {
		// Several at once, so that not each new reader costs a look at all.
		oldest := slices.SortedFunc(maps.Keys(a.seen), func(x, y reader) int { return a.seen[x].Noted.Compare(a.seen[y].Noted) })
		for _, other := range oldest[:auditReaders/8] {
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

// keep writes down what was counted and not noted.
func (a *audit) keep(s *store) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []kept{}
	now := time.Now()
	for who, r := range a.seen {
		if r.More > 0 || r.recent(now) {
			list = append(list, kept{who, *r})
		}
	}
	var old []kept
	if revision, err := s.getJSON(kindAudit, kindAudit, &old); err != nil || revision == 0 && len(list) == 0 {
		return err
	}
	// In order, so that the same counts are the same bytes.
	slices.SortFunc(list, func(x, y kept) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), x.Noted.Compare(y.Noted), cmp.Compare(x.Program, y.Program))
	})
	return s.putJSON(kindAudit, kindAudit, list, nil)
}

// load takes up what the keeper before this one left.
func (a *audit) load(s *store) error {
	var list []kept
	if _, err := s.getJSON(kindAudit, kindAudit, &list); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range list {
		a.add(k.reader, &k.readings, time.Now())
	}
	return nil
}

// Read notes in the journal who is given a credential, before it is given. A
// journal that cannot be written keeps no tool from its cookie: a full disk
// would stop every recorder. It is said in the log and in the status instead.
func (k *Keeper) Read(_ context.Context, r control.Reading) error {
	k.noteReading(readerOf(r), r, map[string]any{"format": r.Format, "generation": r.Generation})
	return nil
}

// Refused notes who was kept from a credential. Names that are no account's
// are left out.
func (k *Keeper) Refused(_ context.Context, r control.Reading) {
	if r.Account != "" && k.find(r.Account) == nil {
		return
	}
	who := readerOf(r)
	// What the asker chooses would make every refusal another one.
	who.Program, who.Format, who.Token = "", "", false
	k.noteReading(who, r, map[string]any{"denied": true, "verb": r.Verb})
}

func readerOf(r control.Reading) reader {
	return reader{Account: r.Account, Tag: r.Tag, UID: r.By.UID, Program: r.By.Program, Format: r.Format,
		Token: r.WithRefreshToken, Refused: r.Verb}
}

func (k *Keeper) noteReading(who reader, r control.Reading, data map[string]any) {
	data["uid"], data["gid"], data["pid"] = r.By.UID, r.By.GID, r.By.PID
	data["program"], data["user"] = r.By.Program, r.User
	if r.WithRefreshToken {
		data["refresh_token"] = true
	}
	if r.Tag != "" {
		data["tag"] = r.Tag
	}
	wrote := false
	err := k.audit.note(who, r.Generation, func(more uint64) error {
		wrote = true
		if more > 0 {
			data["reads"] = more
		}
		return k.store.tell(happened{Type: client.EventCredentialRead, Account: r.Account, Data: data})
	})
	switch {
	case err != nil:
		k.log.Error().Err(err).Str("account", r.Account).Str("format", r.Format).Uint32("uid", r.By.UID).Int32("pid", r.By.PID).
			Msg("a credential is read, and the journal cannot be written")
		k.problems.set("journal", err)
	case wrote:
		k.problems.clear("journal")
	}
}
