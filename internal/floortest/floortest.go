// Package floortest measures what a part takes beside the least that the same work
// takes, in one run and in turn, so that what disturbs one disturbs the other. What is
// measured and what its floor is, says the benchmark; nothing but benchmarks imports it.
package floortest

import (
	"slices"
	"testing"
	"time"
)

// Beside runs work and floor in turn, so many times each before it looks at the clock,
// and reports the median of one time of each, in nanoseconds, and how many times the
// floor the work takes.
func Beside(b *testing.B, times int, work, floor func()) {
	b.Helper()
	var did, least []float64
	for b.Loop() {
		begun := time.Now()
		for range times {
			work()
		}
		between := time.Now()
		for range times {
			floor()
		}
		did = append(did, float64(between.Sub(begun).Nanoseconds())/float64(times))
		least = append(least, float64(time.Since(between).Nanoseconds())/float64(times))
	}
	b.ReportMetric(0, "ns/op") // both together
	b.ReportMetric(median(did), "ns/work")
	b.ReportMetric(median(least), "ns/floor")
	b.ReportMetric(median(did)/median(least), "÷floor")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
