package bolt

import "testing"

func FuzzHolder(f *testing.F) {
	f.Add([]byte(`{"pid":1,"started_at":"2026-11-20T12:00:00Z","socket":"/run/x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseHolder(b); err == nil && p.PID <= 0 {
			t.Fatalf("%s names process %d", b, p.PID)
		}
	})
}
