package schedule

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, spec, want string
		min              time.Duration
	}{
		{"nothing", "", "is empty", 0},
		{"blanks", " \t", "is empty", 0},
		{"zone alone", "TZ=UTC", "says nothing but a time zone", 0},
		{"cron zone alone", "CRON_TZ=0", "says nothing but a time zone", 0},
		{"no zone", "TZ=", "names no time zone", 0},
		{"no zone before fields", "CRON_TZ= 0 0 * * *", "names no time zone", 0},
		{"unknown zone", "CRON_TZ=Mars/Phobos 0 0 * * *", `the time zone "Mars/Phobos", which does not exist`, 0},
		{"zone with a path", "TZ=../../etc/passwd 0 0 * * *", "does not exist", 0},
		{"a day that never comes", "0 0 31 2 *", "never comes", 0},
		{"another", "0 0 30 feb *", "never comes", 0},
		{"seconds", "0 0 0 * * *", "there is no field for seconds", 0},
		{"four fields", "0 0 * *", "has 4 of five fields", 0},
		{"commas", ", 0 * * *", "has an empty field", 0},
		{"a word", "often", "has 1 of five fields", 0},
		{"an unknown descriptor", "@sometimes", "cannot be read", 0},
		{"out of range", "61 0 * * *", "cannot be read", 0},
		{"a step of nothing", "*/0 0 * * *", "cannot be read", 0},
		{"every nothing", "@every", "needs one duration", 0},
		{"every two things", "@every 8h 1m", "needs one duration", 0},
		{"every so many words", "@every xd", `has "xd" where a duration belongs`, 0},
		{"weekday 8", "0 0 * * 8", "cannot be read", 0},
		{"every word", "@every day", `has "day" where a duration belongs`, 0},
		{"every zero", "@every 0s", "does not go forward", 0},
		{"every backwards", "@every -8h", "does not go forward", 0},
		{"rounded up", "@every 1ms", "not a whole number of seconds", 0},
		{"cut off", "@every 1500ms", "not a whole number of seconds", 0},
		{"every too often", "@every 9m59s", "denser than limits.min_check_interval (10m)", 10 * time.Minute},
		{"each minute", "* * * * *", "denser than limits.min_check_interval (10m)", 10 * time.Minute},
		{"a gap over the hour", "*/11 * * * *", "denser than", 10 * time.Minute},
		{"a gap over midnight", "0 0,23 * * *", "denser than limits.min_check_interval (2h)", 2 * time.Hour},
		{"two together in one month", "0,5 12 1 dec *", "denser than", 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.spec, tt.min)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("error is %v, want an *Error", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %q, want %q in it", err, tt.want)
			}
			if bad.Hint == "" || bad.Spec != tt.spec {
				t.Errorf("hint %q, spec %q", bad.Hint, bad.Spec)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)
	tests := []struct {
		spec     string
		min      time.Duration
		next     string
		interval time.Duration
	}{
		{"@every 8h", 10 * time.Minute, "2026-11-20T18:30:00Z", 8 * time.Hour},
		{"  @every   10m ", 10 * time.Minute, "2026-11-20T10:40:00Z", 10 * time.Minute},
		{"@every 1s", time.Second, "2026-11-20T10:30:01Z", time.Second},
		{"@every 1d", 10 * time.Minute, "2026-11-21T10:30:00Z", 24 * time.Hour},
		{"CRON_TZ=UTC @every 1d12h", 10 * time.Minute, "2026-11-21T22:30:00Z", 36 * time.Hour},
		{"0 12 * * 7", 10 * time.Minute, "2026-11-22T12:00:00Z", 7 * 24 * time.Hour},
		{"0 12 * * 6-7", 10 * time.Minute, "2026-11-21T12:00:00Z", 7 * 12 * time.Hour},
		{"0 12 * * 1,7", 10 * time.Minute, "2026-11-22T12:00:00Z", 7 * 12 * time.Hour},
		{"0 12 * * 0-7", 10 * time.Minute, "2026-11-20T12:00:00Z", 24 * time.Hour},
		{"0 12 * * 3-7/2", 10 * time.Minute, "2026-11-20T12:00:00Z", 7 * 8 * time.Hour},
		{"@daily", 10 * time.Minute, "2026-11-21T00:00:00Z", 24 * time.Hour},
		{"*/10 * * * *", 10 * time.Minute, "2026-11-20T10:40:00Z", 10 * time.Minute},
		{"CRON_TZ=Asia/Shanghai 0 20 * * *", 10 * time.Minute, "2026-11-20T12:00:00Z", 24 * time.Hour},
		{"TZ=UTC\t0 20 * * *", 10 * time.Minute, "2026-11-20T20:00:00Z", 24 * time.Hour},
		{"CRON_TZ=Asia/Shanghai @every 1h", 10 * time.Minute, "2026-11-20T11:30:00Z", time.Hour},
		{"0 0,23 1 * *", 2 * time.Hour, "2026-12-01T00:00:00Z", 0},
		{"0 0 29 2 *", 10 * time.Minute, "2028-02-29T00:00:00Z", 4 * 365 * 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			s, err := Parse(tt.spec, tt.min)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.First(now, 0).Format(time.RFC3339); got != tt.next {
				t.Errorf("next is %s, want %s", got, tt.next)
			}
			if s.Spec() != tt.spec {
				t.Errorf("spec is %q", s.Spec())
			}
			if diff := s.Interval() - tt.interval; tt.interval > 0 && diff.Abs() > tt.interval/50 {
				t.Errorf("interval is %s, want about %s", s.Interval(), tt.interval)
			}
		})
	}
}

func TestZeroScheduleHasNoTime(t *testing.T) {
	var s Schedule
	if got := s.First(time.Now(), 0); !got.IsZero() {
		t.Errorf("first is %s", got)
	}
}

// The library gives up after five years; 2100 is no leap year.
func TestFarDate(t *testing.T) {
	s, err := Parse("0 0 29 2 *", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Date(2096, 2, 29, 0, 0, 0, 0, time.UTC)
	if got := s.After(last, 0); got != time.Date(2104, 2, 29, 0, 0, 0, 0, time.UTC) {
		t.Errorf("next is %s", got)
	}
}

// An offset must neither grow nor vanish nor swallow a time of the spec.
func TestOffsetStays(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 31, 7, 123456789, time.UTC)
	for _, spec := range []string{"0 */8 * * *", "@every 8h", "CRON_TZ=Asia/Shanghai 0 */8 * * *"} {
		for _, offset := range []time.Duration{0, time.Millisecond, 29*time.Minute + 321*time.Millisecond, 9 * time.Hour} {
			s, err := Parse(spec, 10*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			last := s.First(now, offset)
			if !last.After(now) {
				t.Errorf("%s: first %s is not after %s", spec, last, now)
			}
			for range 100 {
				next := s.After(last, offset)
				if next.Sub(last) != 8*time.Hour {
					t.Fatalf("%s with offset %s: %s after %s", spec, offset, next, last)
				}
				last = next
			}
		}
	}
}

// A check that ran late is followed by the next regular time.
func TestLateRunFindsBack(t *testing.T) {
	s, err := Parse("0 */8 * * *", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	offset := 20 * time.Minute
	late := time.Date(2026, 11, 20, 11, 2, 3, 0, time.UTC)
	if got, want := s.After(late, offset), time.Date(2026, 11, 20, 16, 20, 0, 0, time.UTC); got != want {
		t.Errorf("next is %s, want %s", got, want)
	}
}

func TestDaylightSaving(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	next := func(spec string, from time.Time) string {
		s, err := Parse("CRON_TZ=America/New_York "+spec, 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return s.First(from, 0).In(zone).Format("01-02 15:04 MST")
	}
	if got := next("30 2 * * *", time.Date(2026, 3, 7, 12, 0, 0, 0, zone)); got != "03-09 02:30 EDT" {
		t.Errorf("over the spring gap: %s", got)
	}
	first := time.Date(2026, 11, 1, 0, 0, 0, 0, zone)
	if got := next("30 1 * * *", first); got != "11-01 01:30 EDT" {
		t.Errorf("first in autumn: %s", got)
	}
	if got := next("30 1 * * *", first.Add(100*time.Minute)); got != "11-01 01:30 EST" {
		t.Errorf("again in autumn: %s", got)
	}
}

func TestOffsetSpreads(t *testing.T) {
	const names, bins = 10_000, 20
	const jitter = 30 * time.Minute
	var counts [bins]int
	var sum float64
	for i := range names {
		name := "account-" + strings.Repeat("x", i%7) + time.Duration(i).String()
		d := Offset(name, jitter)
		if d < 0 || d >= jitter || d != Offset(name, jitter) {
			t.Fatalf("offset of %s is %s", name, d)
		}
		counts[int(d*bins/jitter)]++
		sum += float64(d) / float64(jitter)
	}
	for bin, n := range counts {
		if math.Abs(float64(n)-names/bins) > 110 { // five standard deviations
			t.Errorf("part %d holds %d of %d", bin, n, names)
		}
	}
	if mean := sum / names; math.Abs(mean-0.5) > 0.015 {
		t.Errorf("mean is %.4f", mean)
	}
	if Offset("a", 0) != 0 || Offset("a", -time.Hour) != 0 {
		t.Error("no jitter, yet an offset")
	}
	// Frozen: a new version must not move everybody's checks.
	if got, want := Offset("default", jitter), 6*time.Minute+31358*time.Millisecond; got != want {
		t.Errorf("offset of default is %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, spec := range []string{
		"@every 8h", "TZ=UTC", "CRON_TZ=0", "TZ=", "0 0 31 2 *", "CRON_TZ=Asia/Shanghai 0 */8 * * *",
		"@every 1ms", "*/7 1-5,9 * jan-mar mon", ", , , , ,", "0 0 29 2 *", "? ? ? ? ?", "CRON_TZ=Local @daily",
	} {
		f.Add(spec)
	}
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, spec string) {
		const min = 10 * time.Minute
		s, err := Parse(spec, min)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error without a text")
			}
			return
		}
		first := s.First(start, time.Minute)
		if !first.After(start) {
			t.Fatalf("%q: first %s", spec, first)
		}
		// The minimum may be undercut where the clocks change, no more than that.
		if next := s.After(first, time.Minute); !next.After(first) {
			t.Fatalf("%q: %s after %s", spec, next, first)
		}
	})
}
