package page

import (
	"strconv"
	"strings"
)

// The languages of the page.
const (
	english = "en"
	chinese = "zh-CN"
)

// spoken returns the page's language for a language tag, "" where it has none.
func spoken(tag string) string {
	primary, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	switch strings.ToLower(strings.TrimSpace(primary)) {
	case "en":
		return english
	case "zh":
		return chinese
	}
	return ""
}

// chooseLanguage takes what was asked for by name, else the best of
// Accept-Language, else the fallback.
func chooseLanguage(asked, accepted, fallback string) string {
	if found := spoken(asked); found != "" {
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
		if found := spoken(tag); found != "" && q > weight {
			best, weight = found, q
		}
	}
	return best
}
