package accountpage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// plotDays is how many days of readings are shown.
	plotDays = 30
	// mostReaders bounds the list of who reads a credential.
	mostReaders = 20
)

// reader is who was given the credential, and how often.
type reader struct {
	Name, Who, Format string
	Reads             uint64
	// Last is the day of the last reading, as people call it.
	Last string
	date string
}

// readersOf sums the readings of some days, who read last and most first.
func readersOf(s speech, days []client.HistoryDay) (list []reader) {
	for _, d := range days {
		for _, r := range d.Reads {
			name, who := readerName(s, r)
			i := slices.IndexFunc(list, func(have reader) bool { return have.Name == name && have.Who == who && have.Format == r.Format })
			if i < 0 {
				i = len(list)
				list = append(list, reader{Name: name, Who: who, Format: r.Format})
			}
			list[i].Reads += r.Reads
			list[i].date, list[i].Last = d.Date, dayName(s, d.Date)
		}
	}
	slices.SortFunc(list, func(a, b reader) int {
		return cmp.Or(cmp.Compare(b.date, a.date), cmp.Compare(b.Reads, a.Reads), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Format, b.Format))
	})
	return list[:min(len(list), mostReaders)]
}

// readerName is who a reader is: a program and its user, or an address.
func readerName(s speech, r client.HistoryReads) (name, who string) {
	switch {
	case r.Remote != "":
		return r.Remote, ""
	case r.Program == "" && r.User == "" && r.Format == "":
		return s.T["other_readers"], ""
	}
	return cmp.Or(r.Program, s.T["some_program"]), r.User
}

// plot is how often a credential was read on each of some days.
type plot struct {
	Bars     string
	Width    int
	FirstDay string
	Most     string
}

// newPlot draws the readings; nil where there were none.
func newPlot(s speech, days []client.HistoryDay) *plot {
	const height, top = 72, 70
	counts, most := make([]uint64, len(days)), uint64(0)
	for i, d := range days {
		for _, r := range d.Reads {
			counts[i] += r.Reads
		}
		most = max(most, counts[i])
	}
	if most == 0 {
		return nil
	}
	var bars strings.Builder
	for i, n := range counts {
		if n == 0 {
			continue
		}
		high := max(1, float64(n)/float64(most)*top)
		fmt.Fprintf(&bars, "M%d %dh6v-%sh-6z", i*widePitch, height, strconv.FormatFloat(high, 'f', 1, 64))
	}
	return &plot{Bars: bars.String(), Width: len(days)*widePitch - 2, FirstDay: dayName(s, days[0].Date), Most: s.Fill("most", "n", strconv.FormatUint(most, 10))}
}
