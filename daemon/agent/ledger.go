package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/notify"
)

// ledger is what was shown, in a file.
type ledger struct {
	path string
	log  zerolog.Logger

	mu   sync.Mutex // guards kept, and the file
	kept kept
}

// kept is the file's content. It holds no secret.
type kept struct {
	// Journal is the journal that the positions belong to, "" before the first.
	Journal string `json:"journal"`
	// Horizon is where the journal ended when it was new here; of what lies
	// before it only Open is shown.
	Horizon  uint64          `json:"horizon"`
	Open     []uint64        `json:"open,omitempty"`
	Progress notify.Progress `json:"progress"`
}

// openLedger reads the file. One that cannot be read is as good as none: the
// worst that follows is that something is shown again.
func openLedger(path string, log zerolog.Logger) *ledger {
	l := &ledger{path: path, log: log}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &l.kept)
	}
	if err != nil {
		l.kept = kept{}
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn().Err(err).Msg("what was shown before cannot be read; beginning with what is open")
		}
	}
	return l
}

func (l *ledger) begun() bool { return !l.of("") }

// of reports whether the positions are a journal's.
func (l *ledger) of(journal string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.Journal == journal
}

// position is how far the desktop is.
func (l *ledger) position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.Progress.Position
}

// wants reports whether a position is to be shown at all.
func (l *ledger) wants(position uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return position > l.kept.Horizon || slices.Contains(l.kept.Open, position)
}

// reset forgets the journal.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept.Journal = ""
}

// begin takes up a journal. What the screen shows of the one before it stays
// known, so that it can be taken away.
func (l *ledger) begin(journal string, upto uint64, open []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(open)
	p := notify.Progress{Position: upto, Shown: l.kept.Progress.Shown}
	if len(open) > 0 {
		p.Position = open[0] - 1
	}
	l.kept = kept{Journal: journal, Horizon: upto, Open: open, Progress: p}
	if err := l.write(); err != nil {
		l.log.Warn().Err(err).Msg("what is shown cannot be kept over a restart")
	}
}

// Load implements notify.Ledger.
func (l *ledger) Load(string) (notify.Progress, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.Progress, true, nil
}

// Save implements notify.Ledger. The results are in the pipeline's log already.
func (l *ledger) Save(_ string, p notify.Progress, _ []notify.Result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept.Journal == "" {
		return nil // of a journal that is given up
	}
	before := l.kept.Progress
	l.kept.Progress = p
	err := l.write()
	if err != nil {
		l.kept.Progress = before
	}
	return err
}

// write puts it on disk. The caller holds mu.
func (l *ledger) write() error {
	data, err := json.Marshal(l.kept)
	if err != nil {
		return err
	}
	return durable.WriteFile(l.path, append(data, '\n'), 0o600)
}
