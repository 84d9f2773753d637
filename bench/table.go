//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/durable"
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

// row is a figure beside its floor, where it has one. What must hold is said of the
// ratio where there is a floor, and of the figure itself where it names a unit.
type row struct {
	name, unit string
	accounts   int // 0 for what has none
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
		accounts, floor, ratio := "–", "", ""
		if r.accounts > 0 {
			accounts = strconv.Itoa(r.accounts)
		}
		if m := r.floor.median(); m > 0 {
			floor = fmt.Sprintf("%s (%s)", strings.TrimSpace(short(m)+" "+r.unit), r.floorsName)
			ratio = strconv.FormatFloat(r.got.median()/m, 'f', 2, 64)
		}
		fmt.Fprintf(w, "| %s | %s | %s | ±%.0f %% | %s | %s | %s |\n", r.name, accounts, strings.TrimSpace(short(r.got.median())+" "+r.unit),
			100*r.got.spread()/2, floor, ratio, cmp.Or(r.must, "–"))
	}
}

func short(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// The figures stand between these lines of the page.
const (
	figuresBegin = "<!-- figures: begin -->"
	figuresEnd   = "<!-- figures: end -->"
)

// update puts figures in the place of those that a page has.
func update(page, figures string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), figuresBegin)
	_, after, ended := strings.Cut(rest, figuresEnd)
	if !ok || !ended {
		return fmt.Errorf("%s has no place for figures between %q and %q", page, figuresBegin, figuresEnd)
	}
	return durable.WriteFile(page, []byte(before+figuresBegin+"\n"+figures+figuresEnd+after), 0o644)
}
