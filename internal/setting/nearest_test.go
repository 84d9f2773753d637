package setting

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"schedule", "jitter", "confirm_after", "url", "zh-CN"}
	for given, want := range map[string]string{
		"shedule": "schedule", "Schedule": "schedule", "jiter": "jitter", "confirmafter": "confirm_after",
		"confirm-after": "confirm_after", "uri": "url", "zh_cn": "zh-CN", "colour": "", "": "", "x": "",
	} {
		if got := Nearest(given, words); got != want {
			t.Errorf("nearest to %q is %q, want %q", given, got, want)
		}
	}
}
