//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// series are the values of one figure.
type series []float64

// at is the value below which a share of the values lies.
func (s series) at(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

func (s series) median() float64 { return s.at(0.5) }

// spread is how far the quartiles are apart, as a share of the median.
func (s series) spread() float64 {
	if s.median() == 0 {
		return 0
	}
	return (s.at(0.75) - s.at(0.25)) / s.median()
}

// row is a figure beside its floor, where it has one.
type row struct {
	name, unit string
	accounts   int
	got, floor series
	floorsName string
	must       string
}

type table []row

// print writes the table as Markdown.
func (t table) print(w io.Writer) {
	fmt.Fprintln(w, "| figure | accounts | median | spread | floor | ratio | must |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|")
	for _, r := range t {
		floor, ratio := "", ""
		if m := r.floor.median(); m > 0 {
			floor = fmt.Sprintf("%s %s (%s)", short(m), r.unit, r.floorsName)
			ratio = strconv.FormatFloat(r.got.median()/m, 'f', 2, 64)
		}
		fmt.Fprintf(w, "| %s | %d | %s %s | ±%.0f %% | %s | %s | %s |\n", r.name, r.accounts, short(r.got.median()), r.unit,
			100*r.got.spread()/2, floor, ratio, cmp.Or(r.must, "–"))
	}
}

func short(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
