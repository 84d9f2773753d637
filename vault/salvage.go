package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// salvage is what was found in a wreck.
type salvage struct {
	mender
	o     Options
	meta  map[string][]byte
	slots map[string][]byte

	manifest *seal.Manifest
	// pieces are records that have a kind, by it, and entries; loose those that have
	// lost their place.
	records map[string][]bolt.Piece
	journal []bolt.Piece
	loose   []bolt.Piece

	good  map[string]map[string][]byte
	entry *entries

	lost, older, alone, lostSlots []string
	guessed                       bool // the manifest is made up
	oldSlots                      bool // the slots are of an earlier state
}

func newSalvage(o Options) *salvage {
	return &salvage{
		mender: mender{contents: contents{path: o.Path}}, o: o, meta: map[string][]byte{}, slots: map[string][]byte{},
		records: map[string][]bolt.Piece{}, good: map[string]map[string][]byte{},
	}
}

// read takes what opens out of the wreck.
func (s *salvage) read(w *bolt.Wreck, damage error) error {
	w.Pieces(s.sort)
	w.Loose(func(p bolt.Piece) { s.loose = append(s.loose, p) })
	noSlots := len(s.slots) == 0
	for _, p := range s.loose {
		s.sortByKey(p, noSlots)
	}
	if n := s.schema(); errors.Is(damage, ErrNewerSchema) && n <= mostSchema {
		return damage // a newer program may really have written it
	}
	if err := s.unlock(); err != nil {
		return err
	}
	s.openManifest()
	for kind, list := range s.records {
		for _, p := range list {
			s.openRecord(kind, p)
		}
	}
	s.entry = newEntries(s.contents)
	for _, p := range s.journal {
		s.openEntry(p)
	}
	s.openLoose()
	if s.manifest == nil {
		s.guessManifest()
	}
	if s.saved() == 0 && (s.manifest.Records > 0 || len(s.lost) > 0) {
		return fault.Corrupt("repair", s.path, "none of its records opens")
	}
	return nil
}

// mostSchema is more than any program will ever write.
const mostSchema = 1000

func (s *salvage) schema() uint32 {
	raw := s.meta[metaSchema]
	if len(raw) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(raw)
}

// sort puts a piece where its buckets say that it belongs.
func (s *salvage) sort(p bolt.Piece) {
	switch {
	case len(p.Buckets) == 2 && p.Buckets[0] == "records":
		s.records[p.Buckets[1]] = append(s.records[p.Buckets[1]], p)
	case len(p.Buckets) == 1 && p.Buckets[0] == journalBucket.Name:
		s.journal = append(s.journal, p)
	case len(p.Buckets) == 1 && p.Buckets[0] == metaBucket.Name:
		s.meta[string(p.Key)] = bytes.Clone(p.Value)
	case len(p.Buckets) == 1 && p.Buckets[0] == slotsBucket.Name:
		s.slots[string(p.Key)] = bytes.Clone(p.Value)
	default:
		s.loose = append(s.loose, p)
	}
}

// sortByKey takes what opens the vault from a page that has lost its place: it is the
// same in each state of the file.
func (s *salvage) sortByKey(p bolt.Piece, noSlots bool) {
	key := string(p.Key)
	if (key == metaID || key == metaCreated || key == metaManifest) && s.meta[key] == nil {
		s.meta[key] = bytes.Clone(p.Value)
	}
	// Much can be read as a slot; its key is random letters, and opens nothing else.
	if noSlots && keys.IsID(key) {
		if _, err := keys.Decode(key, p.Value); err == nil {
			s.slots[key] = bytes.Clone(p.Value)
			s.oldSlots = true
		}
	}
}

// unlock gets the data key.
func (s *salvage) unlock() error {
	var slots []keys.Slot
	for id, raw := range s.slots {
		if slot, err := keys.Decode(id, raw); err == nil {
			slots = append(slots, slot)
		} else {
			delete(s.slots, id)
			s.lostSlots = append(s.lostSlots, shownName("slot", id))
		}
	}
	id := s.meta[metaID]
	if len(slots) == 0 || len(id) != seal.IDSize {
		return fault.Corrupt("repair", s.path, "what its key is sealed in cannot be read")
	}
	dataKey, _, err := s.o.Keys.Open(s.path, s.o.KeyFile, slots, id)
	if err == nil {
		s.seal, err = seal.NewSealer(dataKey, id)
	}
	return err
}

func (s *salvage) openManifest() {
	env := s.meta[metaManifest]
	m, err := s.seal.OpenManifest(env)
	if err != nil {
		right, _ := s.seal.CorrectManifest(env)
		m, err = s.seal.OpenManifest(right)
	}
	if err == nil {
		s.manifest = &m
	}
}

// openRecord takes a record that opens: as it is, with a bit of it corrected, or
// with one of its key.
func (s *salvage) openRecord(kind string, p bolt.Piece) {
	at := func(key []byte) seal.Position { return seal.Record([]byte(kind), key) }
	key, env, ok := s.rightKey(p, at)
	if !ok {
		s.lost = append(s.lost, shownName(kind, string(p.Key)))
		return
	}
	s.take(kind, string(key), env)
}

func (s *salvage) rightKey(p bolt.Piece, at func(key []byte) seal.Position) (key, env []byte, ok bool) {
	if env, ok = s.mended(p.Value, at(p.Key)); ok {
		return p.Key, env, true
	}
	key = bytes.Clone(p.Key)
	for i := range len(key) * 8 {
		key[i/8] ^= 1 << (i % 8)
		if _, plain, err := s.seal.Open(nil, p.Value, at(key)); err == nil {
			clear(plain)
			return key, bytes.Clone(p.Value), true
		}
		key[i/8] ^= 1 << (i % 8)
	}
	return nil, nil, false
}

// take keeps the newest state of a record.
func (s *salvage) take(kind, key string, env []byte) {
	if s.good[kind] == nil {
		s.good[kind] = map[string][]byte{}
	}
	was, _ := seal.Number(s.good[kind][key])
	if now, err := seal.Number(env); err == nil && now > was {
		s.good[kind][key] = env
	}
}

func (s *salvage) openEntry(p bolt.Piece) {
	at := func(key []byte) seal.Position { return seal.Entry(key) }
	if key, env, ok := s.rightKey(p, at); ok {
		if id, ok := entryID(key); ok {
			s.entry.offer(id, env)
		}
	}
}

func (s *salvage) saved() (n int) {
	for _, records := range s.good {
		n += len(records)
	}
	return n
}

// openLoose looks for what is missing among the pieces that have lost their place.
func (s *salvage) openLoose() {
	if s.manifest != nil && len(s.lost) == 0 && uint64(s.saved()) == s.manifest.Records && s.journalWhole() {
		return
	}
	found := newSalvage(s.o)
	found.contents = s.contents
	for _, p := range s.loose {
		if id, ok := entryID(p.Key); ok {
			s.entry.offer(id, p.Value)
		}
		for _, kind := range s.kinds() {
			if _, plain, err := s.seal.Open(nil, p.Value, seal.Record([]byte(kind), p.Key)); err == nil {
				clear(plain)
				found.take(kind, string(p.Key), bytes.Clone(p.Value))
			}
		}
	}
	var alone []string
	for kind, records := range found.good {
		for key, env := range records {
			name := shownName(kind, key)
			at := slices.Index(s.lost, name)
			switch {
			case s.good[kind][key] != nil:
			case at >= 0:
				s.lost, s.older = slices.Delete(s.lost, at, at+1), append(s.older, name)
				s.take(kind, key, env)
			default:
				alone = append(alone, name)
			}
		}
	}
	s.adopt(found, alone)
}

// adopt takes records that nothing leads to where no more of them are there than the
// manifest misses: others were removed once, and stay away.
func (s *salvage) adopt(found *salvage, names []string) {
	if s.manifest == nil || len(names) == 0 || uint64(s.saved()+len(names)) > s.manifest.Records {
		return
	}
	for kind, records := range found.good {
		for key, env := range records {
			if name := shownName(kind, key); slices.Contains(names, name) {
				s.take(kind, key, env)
			}
		}
	}
	s.alone = names
}

func (s *salvage) journalWhole() bool {
	for id := s.manifest.First; id <= s.manifest.Newest; id++ {
		if s.entry.sealed[id] == nil {
			return false
		}
	}
	return true
}

// kinds are those that were found anywhere.
func (s *salvage) kinds() []string {
	kinds := slices.Collect(maps.Keys(s.records))
	for _, kind := range s.o.Kinds {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// margin keeps the numbers apart that a lost manifest may have given out.
const margin = 1000

// guessManifest makes one where the vault's own is lost.
func (s *salvage) guessManifest() {
	m := seal.Manifest{Commit: margin, First: 1}
	for _, records := range s.good {
		for _, env := range records {
			n, _ := seal.Number(env)
			m.Revision = max(m.Revision, n)
		}
	}
	m.Revision += margin
	if ids := slices.Sorted(maps.Keys(s.entry.sealed)); len(ids) > 0 {
		m.First, m.Newest = ids[0], ids[len(ids)-1]
	}
	m.Records = uint64(s.saved())
	s.manifest, s.guessed = &m, true
}

// build writes what was saved into a new database.
func (s *salvage) build(tx *bolt.Tx) error {
	if err := tx.Make(bucketNames()...); err != nil {
		return err
	}
	m := *s.manifest
	m.Commit++
	m.Records, m.Sum = 0, seal.Sum{}
	for _, kind := range slices.Sorted(maps.Keys(s.good)) {
		for _, key := range slices.Sorted(maps.Keys(s.good[kind])) {
			env := s.good[kind][key]
			d, err := s.seal.Digest(env, seal.Record([]byte(kind), []byte(key)))
			if err == nil {
				err = tx.Put(recordsBucket(kind), []byte(key), env)
			}
			if err != nil {
				return err
			}
			m.Records++
			m.Sum.Add(d)
		}
	}
	if err := s.entry.write(tx, &m, s.o.Lost); err != nil {
		return err
	}
	err := errors.Join(putSchema(tx, Schema), tx.Put(metaBucket, []byte(metaID), s.seal.ID()),
		tx.Put(metaBucket, []byte(metaManifest), s.seal.SealManifest(m)))
	for _, name := range []string{metaCreated, metaBackedUp} {
		if value := s.meta[name]; value != nil {
			err = errors.Join(err, tx.Put(metaBucket, []byte(name), value))
		}
	}
	for id, raw := range s.slots {
		err = errors.Join(err, tx.Put(slotsBucket, []byte(id), raw))
	}
	return err
}

// tell says what the repair came to.
func (s *salvage) tell(r *Repaired) {
	slices.Sort(s.lost)
	slices.Sort(s.older)
	r.Lost, r.Older, r.Loose, r.LostEntries = s.lost, s.older, s.alone, s.entry.lost
	if left := int(s.manifest.Records) - s.saved() - len(s.lost); left > 0 {
		r.Unnamed = left
	}
	r.Lost = append(r.Lost, s.lostSlots...)
	if s.oldSlots {
		r.Damage = append(r.Damage, "its slots: those of an earlier state may be among them; look at bilikeeper vault slots list")
	}
	if s.guessed {
		r.Damage = append(r.Damage, "the list of what there was: what was removed or changed last may be as it was before")
	}
}

// shownName names a record for people, whatever became of its key.
func shownName(kind, key string) string {
	if utf8.ValidString(key) && !strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return recordName(kind, key)
	}
	return recordName(kind, strconv.QuoteToASCII(key))
}
