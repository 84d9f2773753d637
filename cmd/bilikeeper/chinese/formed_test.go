package chinese

import "testing"

// TestFormed: a text is found by what its values stand between, the longest first.
func TestFormed(t *testing.T) {
	for english, want := range map[string]string{
		"":                               "",
		"x":                              "x",
		"permission denied":              "权限不够",
		"open a b: permission denied":    "打开 a b：权限不够",
		"open /f: file does not exist":   "打开 /f：文件不存在",
		"/f does not exist":              "/f 不存在",
		"open /f: strange trouble":       "打开 /f：strange trouble",
		"nav: code -101 (not logged in)": "nav：代码 -101（未登录）",
		"nav: code x1 (not logged in)":   "nav：code x1 (not logged in)",
		`invalid argument "a" for "--b" flag: time: invalid duration "a"`:               `"--b" 不能取 "a"："a" 不是一段时间`,
		"f:2:1: check.jitter: \"1\" is not a duration; write \"30m\", \"8h\" or \"2d\"": "f:2:1: check.jitter: \"1\" 不是一段时间；请写 \"30m\"、\"8h\" 或 \"2d\"",
		"header: the input is empty":    "header：内容为空",
		"two words: the input is empty": "two words: the input is empty",
		"100% sure: %s and %d":          "100% sure: %s and %d",
	} {
		if got := Formed(english); got != want {
			t.Errorf("Formed(%q) = %q, want %q", english, got, want)
		}
	}
}
