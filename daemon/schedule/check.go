package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Check returns the usual time between two checks of a schedule as it is
// configured, or what is wrong with it.
func Check(spec string, least time.Duration) (time.Duration, *setting.Fault) {
	s, err := Parse(spec, least)
	if err == nil {
		return s.Interval(), nil
	}
	bad, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, &setting.Fault{What: err.Error()}
	}
	what := fmt.Sprintf("%q %s", setting.Clip(spec), bad.What)
	if bad.Err != nil {
		what += ": " + setting.Clip(bad.Err.Error())
	}
	return 0, &setting.Fault{What: what, Hint: bad.Hint}
}
