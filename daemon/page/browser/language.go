package browser

import (
	"strconv"
	"strings"
)

// The languages of the page.
const (
	English = "en"
	Chinese = "zh-CN"
)

// Spoken returns the page's language for a language tag, "" where it has none.
func Spoken(tag string) string {
	primary, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	switch strings.ToLower(strings.TrimSpace(primary)) {
	case "en":
		return English
	case "zh":
		return Chinese
	}
	return ""
}

// ChooseLanguage takes what was asked for by name, else the best of
// Accept-Language, else the fallback.
func ChooseLanguage(asked, accepted, fallback string) string {
	if found := Spoken(asked); found != "" {
		return found
	}
	best, weight := fallback, 0.0
	for part := range strings.SplitSeq(accepted, ",") {
		tag, parameters, _ := strings.Cut(part, ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			parsed, err := strconv.ParseFloat(value, 64)
			if err != nil || !(parsed >= 0 && parsed <= 1) {
				continue
			}
			q = parsed
		}
		if found := Spoken(tag); found != "" && q > weight {
			best, weight = found, q
		}
	}
	return best
}
