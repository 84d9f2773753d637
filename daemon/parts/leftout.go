package parts

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
)

// LeftOut are the parts that could not be built, by what people call them.
type LeftOut map[string]error

// Add notes parts of a kind.
func (l LeftOut) Add(kind string, list map[string]error) {
	for name, err := range list {
		l[kind+" "+name] = err
	}
}

// Tell says what is left out now in the place of what was before. retry is when it
// is tried again.
func (l LeftOut) Tell(before LeftOut, problems *account.Problems, log zerolog.Logger, retry time.Duration) {
	for what := range before {
		if l[what] == nil {
			problems.Clear(what)
			log.Info().Str("part", what).Msg("what was left out works now")
		}
	}
	for what, err := range l {
		problems.Set(what, fmt.Errorf("left out: %w", err))
		if was := before[what]; was == nil || was.Error() != err.Error() {
			log.Error().Err(err).Str("part", what).Dur("retry_in", retry).Msg("left out; the rest works without it")
		}
	}
}
