package schedule

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	// A container or a Windows machine often has no time zone database.
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

// Error says why a spec cannot be used, and what to write instead.
type Error struct {
	Spec string
	// What is wrong, Hint the mend; sentences without a capital or a period.
	What string
	Hint string
	Err  error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("the schedule %q %s", e.Spec, e.What)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Schedule is a spec that has been proved usable. The zero value has no next
// time; get one from [Parse].
type Schedule struct {
	spec     string
	next     cron.Schedule
	interval time.Duration
}

// Spec returns the text that the schedule was parsed from.
func (s Schedule) Spec() string { return s.spec }

// Interval is how far apart two times of the schedule lie on average.
func (s Schedule) Interval() time.Duration { return s.interval }

// First returns when an account is looked at that has just come in: at the
// schedule's next time, moved by the account's offset.
func (s Schedule) First(now time.Time, offset time.Duration) time.Time {
	return s.after(now).Add(offset)
}

// After returns the time that follows last, which had been moved by the same
// offset. The offset is taken off before the schedule is asked: it may well
// carry a time past the next one of the spec, which would then be left out.
func (s Schedule) After(last time.Time, offset time.Duration) time.Time {
	return s.after(last.Add(-offset)).Add(offset)
}

// hop and hops reach over the years in which a date does not exist. The
// library gives up after five, and from 2096 it takes eight to the next 29
// February.
const (
	hop  = 4 * 365 * 24 * time.Hour
	hops = 4
)

func (s Schedule) after(t time.Time) time.Time {
	if s.next == nil {
		return time.Time{}
	}
	// The result is compared with a wall clock and stored; a monotonic reading
	// would survive Add and stop while the machine sleeps.
	t = t.Round(0)
	for i := range hops {
		if next := s.next.Next(t.Add(time.Duration(i) * hop)); !next.IsZero() {
			return next
		}
	}
	return time.Time{}
}

// parse reads five fields, or a descriptor such as @every and @daily.
func parse(spec string) (parsed cron.Schedule, err error) {
	defer func() {
		// The known panics are refused before this is called; a parser that is
		// no longer maintained may have others.
		if r := recover(); r != nil {
			parsed, err = nil, errors.New("the parser gave up on it")
		}
	}()
	return cron.ParseStandard(spec)
}

// Parse reads a spec of robfig/cron v3: five fields, or a descriptor such as
// "@every 8h", either after "CRON_TZ=Zone "; beside what the library takes, days
// in a duration ("@every 1d") and 7 for Sunday. A schedule with two times closer
// together than min is refused, whatever form it is written in. The error is
// an [*Error].
func Parse(spec string, min time.Duration) (Schedule, error) {
	words := strings.Fields(spec)
	if err := checkZone(spec, words); err != nil {
		return Schedule{}, err
	}
	body := words
	if hasZone(words[0]) {
		body = words[1:]
	}
	if err := checkBody(spec, body); err != nil {
		return Schedule{}, err
	}
	parsed, err := parse(strings.Join(forLibrary(words, body), " "))
	if err != nil {
		return Schedule{}, &Error{Spec: spec, What: "cannot be read", Err: err, Hint: hintForm}
	}
	s := Schedule{spec: spec, next: parsed}
	switch p := parsed.(type) {
	case *cron.SpecSchedule:
		// A field of commas alone holds no value, and the search for a match
		// would go through every hour of five years.
		if p.Minute == 0 || p.Hour == 0 || p.Dom == 0 || p.Month == 0 || p.Dow == 0 {
			return Schedule{}, &Error{Spec: spec, What: "has an empty field", Hint: hintForm}
		}
		s.interval, err = survey(spec, *p, min)
	case cron.ConstantDelaySchedule:
		s.interval = p.Delay
		if p.Delay < min {
			err = dense(spec, min)
		}
	}
	if err != nil {
		return Schedule{}, err
	}
	return s, nil
}

const hintForm = `write "@every 8h", or five fields: minute hour day month weekday`

func hasZone(word string) bool {
	return strings.HasPrefix(word, "TZ=") || strings.HasPrefix(word, "CRON_TZ=")
}

func checkZone(spec string, words []string) error {
	if len(words) == 0 {
		return &Error{Spec: spec, What: "is empty", Hint: hintForm}
	}
	if !hasZone(words[0]) {
		return nil
	}
	_, zone, _ := strings.Cut(words[0], "=")
	const hint = `write "CRON_TZ=Asia/Shanghai 0 */8 * * *"`
	if zone == "" {
		return &Error{Spec: spec, What: "names no time zone", Hint: hint}
	}
	// The library cuts at the blank after the zone without looking for one.
	if len(words) == 1 {
		return &Error{Spec: spec, What: "says nothing but a time zone", Hint: hint}
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return &Error{Spec: spec, What: fmt.Sprintf("names the time zone %q, which does not exist", zone), Hint: hint}
	}
	return nil
}

func checkBody(spec string, body []string) error {
	if body[0] == "@every" {
		return checkEvery(spec, body[1:])
	}
	if strings.HasPrefix(body[0], "@") {
		return nil
	}
	if len(body) == 6 {
		return &Error{Spec: spec, What: "has six fields", Hint: "there is no field for seconds: minute hour day month weekday"}
	}
	if len(body) != 5 {
		return &Error{Spec: spec, What: fmt.Sprintf("has %d of five fields", len(body)), Hint: hintForm}
	}
	return nil
}

// forLibrary writes a spec in the library's words: it knows neither days in a
// duration nor 7 for Sunday, which other programs of its kind take.
func forLibrary(words, body []string) []string {
	head := slices.Clone(words[:len(words)-len(body)])
	switch {
	case body[0] == "@every":
		if d, err := duration(body[1]); err == nil {
			return append(head, body[0], d.String())
		}
	case len(body) == 5:
		return append(append(head, body[:4]...), sundays(body[4]))
	}
	return words
}

// duration reads a duration that may begin with days: 1d, 2d12h.
func duration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(math.Abs(n) < 100_000) {
		return 0, fmt.Errorf("no number of days: %q", days)
	}
	d := time.Duration(n * float64(24*time.Hour))
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

// sundays writes 0 for 7 in the field of weekdays, and a range that ends with 7
// day by day.
func sundays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, every, _ := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(days, "-")
		switch {
		case days == "7":
			parts[i] = "0"
		case isRange && to == "7":
			first, err1 := strconv.Atoi(from)
			step, err2 := strconv.Atoi(cmp.Or(every, "1"))
			if err1 != nil || err2 != nil || first < 0 || first > 7 || step < 1 {
				continue // the library says what is wrong with it
			}
			var list []string
			for day := first; day <= 7; day += step {
				list = append(list, strconv.Itoa(day%7))
			}
			parts[i] = strings.Join(list, ",")
		}
	}
	return strings.Join(parts, ",")
}

// checkEvery reads the duration from the text, since the library rounds what
// is below a second up to one, and cuts off what is beyond whole seconds.
func checkEvery(spec string, args []string) error {
	if len(args) != 1 {
		return &Error{Spec: spec, What: "needs one duration after @every", Hint: `write "@every 8h"`}
	}
	d, err := duration(args[0])
	if err != nil {
		return &Error{Spec: spec, What: fmt.Sprintf("has %q where a duration belongs", args[0]), Hint: `write "@every 8h"`}
	}
	if d <= 0 {
		return &Error{Spec: spec, What: "does not go forward", Hint: `write "@every 8h"`}
	}
	if d%time.Second != 0 {
		return &Error{Spec: spec, What: "is not a whole number of seconds", Hint: `write "@every 8h"`}
	}
	return nil
}

func dense(spec string, min time.Duration) error {
	return &Error{
		Spec: spec,
		What: fmt.Sprintf("is denser than limits.min_check_interval (%s)", brief(min)),
		Hint: "let more time pass between two checks",
	}
}

// brief leaves out the zeros of a duration: 10m, not 10m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// The survey walks over so many firings or so long a time, whichever ends
// first: a leap year with each of its months, or weeks of a dense schedule,
// whose days are all alike.
const (
	surveyFirings = 2000
	surveyMonths  = 14
)

// survey looks for two neighbours closer than min and returns the average gap.
// It starts at a fixed date and in UTC, so that a spec which was accepted once
// is not refused on another day or because of a change of the clocks.
func survey(spec string, s cron.SpecSchedule, min time.Duration) (time.Duration, error) {
	s.Location = time.UTC
	start := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(0, surveyMonths, 0)
	first := s.Next(start.Add(-time.Second))
	if first.IsZero() {
		return 0, &Error{Spec: spec, What: "never comes", Hint: "no month has that day; name one that exists"}
	}
	last, n := first, 0
	for n < surveyFirings {
		next := s.Next(last)
		if next.IsZero() || (n > 0 && next.After(end)) {
			break
		}
		if next.Sub(last) < min {
			return 0, dense(spec, min)
		}
		last = next
		n++
	}
	if n == 0 {
		return 4 * 365 * 24 * time.Hour, nil // 29 February
	}
	return last.Sub(first) / time.Duration(n), nil
}
