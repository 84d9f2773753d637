package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// OutliveReaders lets the program go on when nobody reads its standard output or
// its standard error any more. Go ends a program that writes there, also one
// whose parent ignores the signal. The signal is caught and not ignored, because
// the programs that the keeper starts would inherit that.
func OutliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// Logger writes to stderr: the journal, a terminal or a file take it from
// there; or to what a service's manager has for events. Secrets never reach it; their type and the errors' texts see to that.
// A line that cannot be written is lost, and nothing else is.
func (e *Env) Logger(c config.Log) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), Fail(ExitUsage, "", "log.level: %w", err)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.DurationFieldUnit = time.Second
	zerolog.ErrorHandler = func(error) {}
	screen := e.Screen(e.Stderr)
	out := logLines{out: &logStream{out: e.Stderr}}
	out.journal = journalReads(e.Stderr)
	if e.Events != nil {
		out.events, screen.Colour, screen.TTY = e.Events, false, true
	}
	if c.Format == "console" || c.Format == "auto" && screen.TTY {
		out.console = func(w io.Writer) io.Writer {
			return zerolog.ConsoleWriter{Out: w, NoColor: !screen.Colour, TimeFormat: "15:04:05", TimeLocation: time.Local}
		}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

// journalReads reports whether what is written to a stream goes to standard error,
// and from there to the journal.
func journalReads(w io.Writer) bool {
	is, err := journal.StderrIsJournalStream()
	return err == nil && is && w == os.Stderr
}

// mark is what the journal takes the priority of a line from.
func mark(p journal.Priority) string { return "<" + strconv.Itoa(int(p)) + ">" }

// logLines gives each line of the log its form: for people where console is set,
// and with its priority in front where the journal reads it. Events get it with its
// level.
type logLines struct {
	out     io.Writer
	events  zerolog.LevelWriter
	journal bool
	console func(io.Writer) io.Writer
}

// Write implements io.Writer.
func (l logLines) Write(p []byte) (int, error) { return l.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel implements zerolog.LevelWriter.
func (l logLines) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	var line bytes.Buffer
	if l.journal {
		line.WriteString(mark(priority(level)))
	}
	if l.console == nil {
		line.Write(p)
	} else if _, err := l.console(&line).Write(p); err != nil {
		return 0, err
	}
	if l.events != nil {
		return l.events.WriteLevel(level, line.Bytes())
	}
	if _, err := l.out.Write(line.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func priority(level zerolog.Level) journal.Priority {
	switch level {
	case zerolog.PanicLevel, zerolog.FatalLevel:
		return journal.PriCrit
	case zerolog.ErrorLevel:
		return journal.PriErr
	case zerolog.WarnLevel:
		return journal.PriWarning
	case zerolog.DebugLevel, zerolog.TraceLevel:
		return journal.PriDebug
	}
	return journal.PriInfo
}

// logPatience is how long a line of the log may take to be written.
const logPatience = time.Second

// logStream writes on a goroutine of its own. A write is waited for, so that a
// program which ends has written its last line; but where the reader has
// stopped reading, what comes meanwhile is dropped and counted.
type logStream struct {
	out io.Writer

	mu      sync.Mutex // guards what follows, and is held while a line is waited for
	lines   chan []byte
	written chan struct{}
	stalled bool
	dropped int
}

// Write implements io.Writer. It does not fail.
func (s *logStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines, s.written = make(chan []byte), make(chan struct{}, 1)
		go s.write()
	}
	if s.stalled {
		select {
		case <-s.written:
			s.stalled = false
		default:
			s.dropped++
			return len(p), nil
		}
	}
	line := bytes.Clone(p)
	if s.dropped > 0 {
		line = fmt.Appendf(line, "bilikeeper: warning: nobody read the log for a while; %d lines before this one are lost\n", s.dropped)
		s.dropped = 0
	}
	s.lines <- line
	late := time.NewTimer(logPatience)
	defer late.Stop()
	select {
	case <-s.written:
	case <-late.C:
		s.stalled = true
	}
	return len(p), nil
}

func (s *logStream) write() {
	for line := range s.lines {
		_, _ = s.out.Write(line)
		s.written <- struct{}{}
	}
}
