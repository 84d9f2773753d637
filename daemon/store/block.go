package store

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	blockDays = 32
	// mostReaders bounds the readers of a block that are told apart.
	mostReaders = 32
)

// block is some days in a row of one account.
//
// On disk it is text, for it is written with every check: its number in the first
// line, then a line with r for each reader, then one for each day on which something
// happened. A day is its place in the block and words: a letter with a count, e with
// how the day ended, or a reader's place, a colon and its readings. What a later
// version adds is passed over.
type block struct {
	number int
	days   [blockDays]tally
	// readers are those that the days' readings are counted for, by place.
	readers []historyReader
}

// tally is what happened to an account on a day.
type tally struct {
	ok, unanswered, denied, dead, refreshed, loggedIn int
	// end is how the day ended.
	end ending
	// reads are by the place of the reader.
	reads []uint64
}

// ending is what a day's last word on the session was, 0 where there was none.
type ending byte

const (
	endsDead  ending = 'd'
	endsAlive ending = 'a'
)

// historyReader is a program with its user, or an address, and what it reads.
type historyReader struct{ program, user, remote, format string }

func (b *block) encode() []byte {
	out := append(strconv.AppendInt(nil, int64(b.number), 10), '\n')
	for _, r := range b.readers {
		out = append(out, 'r')
		for _, field := range []string{r.program, r.user, r.remote, r.format} {
			out = strconv.AppendQuote(append(out, ' '), field)
		}
		out = append(out, '\n')
	}
	for i := range b.days {
		out = b.days[i].append(out, i)
	}
	return out
}

// append adds the line of a day, none where nothing happened.
func (t *tally) append(out []byte, day int) []byte {
	begun := len(out)
	out = strconv.AppendInt(out, int64(day), 10)
	empty := len(out)
	for _, c := range []struct {
		letter byte
		n      int
	}{{'o', t.ok}, {'n', t.unanswered}, {'d', t.denied}, {'x', t.dead}, {'r', t.refreshed}, {'l', t.loggedIn}} {
		if c.n > 0 {
			out = strconv.AppendInt(append(out, ' ', c.letter), int64(c.n), 10)
		}
	}
	if t.end != 0 {
		out = append(out, ' ', 'e', byte(t.end))
	}
	for reader, n := range t.reads {
		if n > 0 {
			out = strconv.AppendUint(append(strconv.AppendInt(append(out, ' '), int64(reader), 10), ':'), n, 10)
		}
	}
	if len(out) == empty {
		return out[:begun]
	}
	return append(out, '\n')
}

// decodeBlock reads a block, as far as it means anything.
func decodeBlock(data []byte) *block {
	b := &block{}
	first, rest, _ := strings.Cut(string(data), "\n")
	number, err := strconv.Atoi(first)
	if err != nil {
		return b
	}
	b.number = number
	for line := range strings.SplitSeq(rest, "\n") {
		word, words, _ := strings.Cut(line, " ")
		if word == "r" {
			b.readers = append(b.readers, decodeReader(words))
		} else if day, err := strconv.Atoi(word); err == nil && day >= 0 && day < blockDays {
			b.days[day].decode(words)
		}
	}
	return b
}

func decodeReader(words string) historyReader {
	var fields [4]string
	for i := range fields {
		quoted, err := strconv.QuotedPrefix(words)
		if err != nil {
			break
		}
		fields[i], _ = strconv.Unquote(quoted)
		words = strings.TrimPrefix(words[len(quoted):], " ")
	}
	return historyReader{fields[0], fields[1], fields[2], fields[3]}
}

func (t *tally) decode(words string) {
	for word := range strings.SplitSeq(words, " ") {
		if reader, n, ok := strings.Cut(word, ":"); ok {
			place, err := strconv.Atoi(reader)
			count, _ := strconv.ParseUint(n, 10, 64)
			if err == nil && place >= 0 && place < mostReaders {
				t.read(place, count)
			}
			continue
		}
		if len(word) < 2 {
			continue
		}
		if word[0] == 'e' {
			t.end = ending(word[1])
		} else if n, err := strconv.Atoi(word[1:]); err == nil {
			t.count(word[0], n)
		}
	}
}

// count sets a count by its letter.
func (t *tally) count(letter byte, n int) {
	switch letter {
	case 'o':
		t.ok = n
	case 'n':
		t.unanswered = n
	case 'd':
		t.denied = n
	case 'x':
		t.dead = n
	case 'r':
		t.refreshed = n
	case 'l':
		t.loggedIn = n
	}
}

// read counts readings of a reader.
func (t *tally) read(reader int, n uint64) {
	for len(t.reads) <= reader {
		t.reads = append(t.reads, 0)
	}
	t.reads[reader] += n
}

// add counts checks that were not counted before, where they are of the block's days.
func (b *block) add(u uncounted) {
	if u.OK > 0 && u.Day/blockDays == b.number {
		b.days[u.Day%blockDays].alive(u.OK)
	}
}

// alive counts checks that found the session alive.
func (t *tally) alive(n int) {
	t.ok += n
	t.end = endsAlive
}

// enter counts an event on a day.
func (b *block) enter(day int, data client.EventData) {
	t := &b.days[day]
	switch d := data.(type) {
	case client.CheckAlive:
		t.alive(1)
	case client.CheckUndecided:
		t.unanswered++
	case client.CheckDenied:
		t.denied++
		if d.Confirmed {
			t.dead++
			t.end = endsDead
		}
	case client.LoginRequired:
		t.dead++
		t.end = endsDead
	case client.Refreshed:
		t.refreshed++
		t.end = endsAlive
	case client.LoginDone:
		if !d.Revived {
			t.loggedIn++
		}
		t.end = endsAlive
	case client.CredentialRead:
		t.read(b.reader(d), 1+d.Reads)
	}
}

// reader is the place of a reader. Where there are too many, the last place is for
// all others.
func (b *block) reader(d client.CredentialRead) int {
	r := historyReader{remote: d.Remote, format: d.Format}
	if d.Program != nil && *d.Program != "" {
		r.program = path.Base(*d.Program)
	}
	if d.User != nil {
		r.user = *d.User
	} else if d.UID != nil {
		r.user = strconv.FormatUint(uint64(*d.UID), 10)
	}
	if i := slices.Index(b.readers, r); i >= 0 {
		return i
	}
	if len(b.readers) >= mostReaders-1 {
		r = historyReader{}
		if i := slices.Index(b.readers, r); i >= 0 {
			return i
		}
	}
	b.readers = append(b.readers, r)
	return len(b.readers) - 1
}

// readings are those of a day, the most first.
func (b *block) readings(t *tally) []client.HistoryReads {
	list := []client.HistoryReads{}
	for i, n := range t.reads {
		if n > 0 && i < len(b.readers) {
			r := b.readers[i]
			list = append(list, client.HistoryReads{Program: r.program, User: r.user, Remote: r.remote, Format: r.format, Reads: n})
		}
	}
	slices.SortFunc(list, func(a, b client.HistoryReads) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), cmp.Compare(a.Program+a.Remote, b.Program+b.Remote), cmp.Compare(a.User+a.Format, b.User+b.Format))
	})
	return list
}
