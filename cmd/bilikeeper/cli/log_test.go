package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func TestJournalPriorities(t *testing.T) {
	var text bytes.Buffer
	log := zerolog.New(logLines{out: &text, journal: true})
	log.Error().Msg("one")
	log.Warn().Msg("two")
	log.Info().Msg("three")
	log.Trace().Msg("four")
	var got []string
	for line := range strings.Lines(text.String()) {
		got = append(got, line[:3])
	}
	if want := "<3> <4> <6> <7>"; strings.Join(got, " ") != want {
		t.Errorf("priorities %s, want %s", got, want)
	}
}

// blocked is a stream that takes nothing until it is opened.
type blocked struct {
	open chan struct{}
	text bytes.Buffer
}

func (b *blocked) Write(p []byte) (int, error) {
	<-b.open
	return b.text.Write(p)
}

// A reader of the log that has stopped reading holds up one line, and that for a
// second.
func TestLogWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &blocked{open: make(chan struct{})}
		s := &logStream{out: b}
		began := time.Now()
		for _, line := range []string{"1\n", "2\n", "3\n"} {
			if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		if took := time.Since(began); took != logPatience {
			t.Errorf("it took %s", took)
		}
		close(b.open)
		synctest.Wait()
		_, _ = s.Write([]byte("4\n"))
		if got := b.text.String(); !strings.HasPrefix(got, "1\n4\n") || !strings.Contains(got, "2 lines before this one are lost") {
			t.Errorf("got %q", got)
		}
		close(s.lines)
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestLogFailsSilently(t *testing.T) {
	env := &Env{Stderr: broken{}, Getenv: func(string) string { return "" }}
	log, err := env.Logger(config.Default().Log)
	if err != nil {
		t.Fatal(err)
	}
	log.Error().Msg("x")
}
