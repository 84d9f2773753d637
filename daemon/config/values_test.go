package config

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		back string
	}{
		{"0s", 0, "0s"},
		{"0", 0, "0s"},
		{"90s", 90 * time.Second, "1m30s"},
		{"30m", 30 * time.Minute, "30m"},
		{"10m5s", 605 * time.Second, "10m5s"},
		{"1h30m", 90 * time.Minute, "1h30m"},
		{"8h", 8 * time.Hour, "8h"},
		{"20h", 20 * time.Hour, "20h"},
		{"2d", 48 * time.Hour, "48h"},
		{"1d12h", 36 * time.Hour, "36h"},
		{"500ms", 500 * time.Millisecond, "500ms"},
		{"36500d", 876000 * time.Hour, "876000h"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			var d Duration
			if err := d.UnmarshalText([]byte(tt.text)); err != nil || d.Std() != tt.want {
				t.Fatalf("%s, %v", d, err)
			}
			if d.String() != tt.back {
				t.Errorf("prints as %s", d)
			}
			var again Duration
			if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
				t.Errorf("%s reads as %s, %v", d, again, err)
			}
		})
	}
	for _, text := range []string{"", "d", "5", "-1h", "-2d", "1.5d", "2d-1h", "1h2d", "36501d", "36500d1s", "9999999h", "99999999999999999999h", "1 h", "two days"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as %s", text, d)
		}
	}
}

func TestQuietUntil(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, hours string
		now         time.Time
		want        string
	}{
		{"none", "", time.Date(2026, 11, 20, 3, 0, 0, 0, berlin), ""},
		{"before", "23:30-08:00", time.Date(2026, 11, 20, 23, 29, 59, 0, berlin), ""},
		{"first moment", "23:30-08:00", time.Date(2026, 11, 20, 23, 30, 0, 0, berlin), "2026-11-21T08:00:00+01:00"},
		{"after midnight", "23:30-08:00", time.Date(2026, 11, 21, 0, 0, 0, 1, berlin), "2026-11-21T08:00:00+01:00"},
		{"end of the year", "23:30-08:00", time.Date(2026, 12, 31, 23, 45, 0, 0, berlin), "2027-01-01T08:00:00+01:00"},
		{"last moment", "23:30-08:00", time.Date(2026, 11, 21, 7, 59, 59, 999, berlin), "2026-11-21T08:00:00+01:00"},
		{"over", "23:30-08:00", time.Date(2026, 11, 21, 8, 0, 0, 0, berlin), ""},
		{"by day", "12:00-14:00", time.Date(2026, 11, 20, 13, 0, 0, 0, berlin), "2026-11-20T14:00:00+01:00"},
		{"by day, outside", "12:00-14:00", time.Date(2026, 11, 20, 14, 0, 0, 0, berlin), ""},
		{"to midnight", "22:00-24:00", time.Date(2026, 11, 20, 23, 0, 0, 0, berlin), "2026-11-21T00:00:00+01:00"},
		{"in another zone", "23:30-08:00", time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC).In(shanghai), ""},
		{"over the spring gap", "23:30-08:00", time.Date(2026, 3, 28, 23, 40, 0, 0, berlin), "2026-03-29T08:00:00+02:00"},
		{"over the autumn", "23:30-08:00", time.Date(2026, 10, 24, 23, 40, 0, 0, berlin), "2026-10-25T08:00:00+01:00"},
		{"an end that comes twice", "01:00-02:30", time.Date(2026, 10, 25, 1, 15, 0, 0, time.UTC).In(berlin), "2026-10-25T02:30:00+01:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var q Quiet
			if err := q.UnmarshalText([]byte(tt.hours)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if until := q.until(tt.now, berlin); !until.IsZero() {
				got = until.Format(time.RFC3339)
			}
			if got != tt.want {
				t.Errorf("until %q, want %q", got, tt.want)
			}
		})
	}
}

// The end lies ahead whenever there is one, in each minute of a year, and at
// the end itself the hours are over.
func TestQuietEnds(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, hours := range []string{"23:30-08:00", "01:30-02:30", "02:00-03:00", "00:00-01:30"} {
		var q Quiet
		if err := q.UnmarshalText([]byte(hours)); err != nil {
			t.Fatal(err)
		}
		for now := time.Date(2026, 3, 1, 0, 0, 0, 0, zone); now.Year() < 2027; now = now.Add(7 * time.Minute) {
			until := q.until(now, zone)
			if until.IsZero() {
				continue
			}
			if wait := until.Sub(now); wait <= 0 || wait > 10*time.Hour {
				t.Fatalf("%s: at %s until %s", hours, now, until)
			}
		}
	}
}

func TestQuietText(t *testing.T) {
	for text, want := range map[string]string{
		"":              "",
		"  ":            "",
		"23:30-08:00":   "23:30-08:00",
		"23:30 - 8:00":  "23:30-08:00",
		"22:00-24:00":   "22:00-00:00",
		" 0:00-00:01  ": "00:00-00:01",
	} {
		var q Quiet
		if err := q.UnmarshalText([]byte(text)); err != nil || q.String() != want {
			t.Errorf("%q reads as %q, %v", text, q, err)
		}
	}
	for _, text := range []string{"23:30", "-", "8-9", "24:01-08:00", "25:00-08:00", "08:60-09:00", "08:00-08:00", "00:00-24:00", "+1:00-02:00", "1:0-2:00", "01:00-02:00-03:00"} {
		var q Quiet
		if err := q.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as %q", text, q)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "a.b_c-D9": true, "": false, ".": false, "..": false, "a/b": false, "a b": false, "a\n": false,
		"é": true, "e\u0301": false, "主号": true, "アカウント-2": true, "-x": false, ".x": false, "x.": false, "con": false, "NUL.txt": false, "com1": false, "lpt9.x": false, "console": true, "com10": true, "a\u200b": false, "a\u202e": false, "😀": false,
		"0123456789012345678901234567890123456789012345678901234567890123":  true,
		"01234567890123456789012345678901234567890123456789012345678901234": false,
	} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) is %v", name, !want)
		}
	}
}
