package servicecmd

import (
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"golang.org/x/sys/windows/svc/eventlog"
)

const (
	// longestEvent is a little less than the event log takes.
	longestEvent = 31000

	// The numbers of events, of those that the system's own texts know.
	eventInfo, eventWarning, eventError = 1, 2, 3
)

// events is the log of a service, which has no standard error: the system's event
// log, where it is read with Get-WinEvent and the event viewer.
type events struct{ log *eventlog.Log }

func openEvents() (*events, error) {
	log, err := eventlog.Open(serviceName)
	if err != nil {
		return nil, err
	}
	return &events{log}, nil
}

func (e *events) Close() error { return e.log.Close() }

// Write implements io.Writer, for what is no line of the log: warnings.
func (e *events) Write(p []byte) (int, error) { return e.WriteLevel(zerolog.WarnLevel, p) }

// WriteLevel implements zerolog.LevelWriter.
func (e *events) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	text := strings.ReplaceAll(strings.TrimSpace(string(p)), "\x00", "")
	if len(text) > longestEvent {
		text = text[:longestEvent]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	var err error
	switch {
	case text == "":
	case level == zerolog.WarnLevel:
		err = e.log.Warning(eventWarning, text)
	case level >= zerolog.ErrorLevel && level <= zerolog.PanicLevel:
		err = e.log.Error(eventError, text)
	default:
		err = e.log.Info(eventInfo, text)
	}
	return len(p), err
}
