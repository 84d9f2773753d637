package cli

import "testing"

func TestUTF8(t *testing.T) {
	for _, tt := range []struct {
		all, kind, lang string
		want            bool
	}{
		{"", "", "", true},
		{"", "", "en_US.UTF-8", true},
		{"", "", "zh_CN.utf8", true},
		{"", "", "C.UTF-8", true},
		{"", "", "ca_ES.UTF-8@valencia", true},
		{"", "", "C", false},
		{"", "", "zh_CN.GBK", false},
		{"", "", "en_US", false},
		{"C", "", "en_US.UTF-8", false},
		{"", "zh_CN.UTF-8", "C", true},
	} {
		env := map[string]string{"LC_ALL": tt.all, "LC_CTYPE": tt.kind, "LANG": tt.lang}
		if got := inUTF8(func(name string) string { return env[name] }); got != tt.want {
			t.Errorf("%v: %v, want %v", env, got, tt.want)
		}
	}
}
