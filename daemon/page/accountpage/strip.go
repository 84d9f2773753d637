package accountpage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// stripDays is how many days a strip has.
const stripDays = 90

// How the checks of a day went: the worst of it, in the order in which the script
// has their words.
const (
	dayWorked = iota
	dayTrouble
	dayDead
	dayUnasked
)

// What was renewed on a day: the greater of it.
const (
	renewedNothing = iota
	renewedRefresh
	renewedLogin
)

// strip is the history of an account as a drawing: above a line how the checks
// went, below it what was renewed. Height tells it without colour.
type strip struct {
	Marks []mark
	// Width is that of the drawing in its own units.
	Width int
	// Label says it in words.
	Label string
	// Days are the days for the script: a letter for each, with the number of those
	// in a row that are the same.
	Days string
}

// mark is all bars of one kind: lines as thick as the bars are high, broken into
// days by the style sheet.
type mark struct{ Class, Path string }

// faces are how the days look.
func faces(days []client.HistoryDay) []face {
	list := make([]face, len(days))
	for i, d := range days {
		list[i] = faceOf(d)
	}
	return list
}

// face is how a day looks.
type face struct{ up, down int }

func faceOf(d client.HistoryDay) face {
	f := face{up: dayUnasked}
	switch {
	case d.Dead:
		f.up = dayDead
	case d.Unanswered+d.Denied > 0:
		f.up = dayTrouble
	case d.OK+d.LoggedIn+d.Refreshed > 0:
		// What was renewed was proven to work.
		f.up = dayWorked
	}
	switch {
	case d.LoggedIn > 0:
		f.down = renewedLogin
	case d.Refreshed > 0:
		f.down = renewedRefresh
	}
	return f
}

// plain reports whether a day has nothing to be told of.
func (f face) plain() bool {
	return f.down == renewedNothing && (f.up == dayWorked || f.up == dayUnasked)
}

// drawn makes the drawing of days, each as wide as pitch.
func drawn(list []face, pitch int) []mark {
	kinds := []struct {
		class, middle string
		of            func(face) bool
	}{
		{"o", "14", func(f face) bool { return f.up == dayWorked }},
		{"t", "11.5", func(f face) bool { return f.up == dayTrouble }},
		{"d", "9", func(f face) bool { return f.up == dayDead }},
		{"n", "17", func(f face) bool { return f.up == dayUnasked }},
		{"r", "21.5", func(f face) bool { return f.down == renewedRefresh }},
		{"l", "23", func(f face) bool { return f.down == renewedLogin }},
	}
	var marks []mark
	for _, kind := range kinds {
		var path strings.Builder
		for from := 0; from < len(list); {
			to := from
			for to < len(list) && kind.of(list[to]) {
				to++
			}
			if to > from {
				fmt.Fprintf(&path, "M%d %sh%d", from*pitch, kind.middle, (to-from)*pitch)
			}
			from = max(to, from+1)
		}
		if path.Len() > 0 {
			marks = append(marks, mark{kind.class, path.String()})
		}
	}
	return marks
}

// packed writes days for the script: a to l for how each looks.
func packed(list []face) string {
	var out strings.Builder
	for from := 0; from < len(list); {
		to := from
		for to < len(list) && list[to] == list[from] {
			to++
		}
		out.WriteByte(byte('a' + list[from].up*3 + list[from].down))
		if to-from > 1 {
			out.WriteString(strconv.Itoa(to - from))
		}
		from = to
	}
	return out.String()
}

const (
	slimPitch = 3
	widePitch = 8
)

// newStrip draws the strip of a row.
func newStrip(s speech, days []client.HistoryDay) *strip {
	if len(days) == 0 {
		return nil
	}
	list := faces(days)
	return &strip{Marks: drawn(list, slimPitch), Width: len(list) * slimPitch, Label: s.T["last_days"] + s.T["colon"] + summary(s, list), Days: packed(list)}
}

// summary counts the days in words.
func summary(s speech, list []face) string {
	up, renewed := [4]int{}, 0
	for _, f := range list {
		up[f.up]++
		if f.down != renewedNothing {
			renewed++
		}
	}
	n := func(i int) string { return strconv.Itoa(i) }
	return s.Fill("strip_sum", "o", n(up[dayWorked]), "t", n(up[dayTrouble]), "d", n(up[dayDead]), "r", n(renewed))
}

// words say how a day looks.
func (f face) words(s speech) string {
	text := s.T[[]string{"day_worked", "day_trouble", "day_dead", "day_unasked"}[f.up]]
	if f.down != renewedNothing {
		text += s.T["comma"] + s.T[[]string{"", "day_refreshed", "day_logged_in"}[f.down]]
	}
	return text
}

// months is the strip of an account's own screen.
type months struct {
	Parts []month
	Sum   string
	Days  string
	// Told are the days that were not plain, the newest first.
	Told []toldDay
}

// month is a part of it, with the name of its first day.
type month struct {
	Marks    []mark
	From     int
	Width    int
	FirstDay string
	Last     bool
}

// toldDay is a day in words.
type toldDay struct{ Name, Text string }

// newMonths draws an account's strip in parts of 30 days.
func newMonths(s speech, days []client.HistoryDay) *months {
	const part = 30
	list := faces(days)
	m := &months{Sum: summary(s, list), Days: packed(list)}
	for from := 0; from < len(list); from += part {
		to := min(from+part, len(list))
		m.Parts = append(m.Parts, month{Marks: drawn(list[from:to], widePitch), From: from, Width: part * widePitch,
			FirstDay: dayName(s, days[from].Date), Last: to == len(list)})
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].plain() {
			m.Told = append(m.Told, toldDay{dayName(s, days[i].Date), list[i].words(s)})
		}
	}
	return m
}

// dayName is a day of the history as people call it.
func dayName(s speech, date string) string {
	t, err := time.ParseInLocation(time.DateOnly, date, time.Local)
	switch {
	case err != nil:
		return date
	case s.now.Sub(t) < 48*time.Hour:
		return s.Day(t)
	}
	return t.Format(s.T["short_date_layout"])
}

// Words are those of the strip, for the script.
func (s speech) Words() string {
	keys := []string{"day_worked", "day_trouble", "day_dead", "day_unasked", "day_refreshed", "day_logged_in", "comma"}
	for i, key := range keys {
		keys[i] = s.T[key]
	}
	return strings.Join(keys, "|")
}

// Today is the keeper's day, for the script.
func (s speech) Today() string { return s.now.Local().Format(time.DateOnly) }

// legend is a drawing for each kind of bar, with its word.
func legend(s speech) (list []toldMark) {
	for _, kind := range []struct {
		face
		key string
	}{
		{face{up: dayWorked}, "day_worked"}, {face{up: dayTrouble}, "day_trouble"}, {face{up: dayDead}, "day_dead"}, {face{up: dayUnasked}, "day_unasked"},
		{face{dayWorked, renewedRefresh}, "day_refreshed"}, {face{dayWorked, renewedLogin}, "day_logged_in"},
	} {
		list = append(list, toldMark{drawn([]face{kind.face}, widePitch), s.T[kind.key]})
	}
	return list
}

// toldMark is an entry of the legend.
type toldMark struct {
	Marks []mark
	Word  string
}

// Legend says what the bars of a strip mean.
func (s speech) Legend() []toldMark { return legend(s) }
