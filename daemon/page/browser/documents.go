package browser

import (
	"encoding/json"
	"fmt"
	"io/fs"
)

// Texts reads the texts of a page's documents in both languages, and says which of
// the two is for a reader of a locale who asks for none that there is.
func Texts(web fs.FS, locale string) (texts map[string]map[string]string, fallback string, err error) {
	if fallback = Spoken(locale); fallback == "" {
		fallback = English
	}
	data, err := fs.ReadFile(web, "web/texts.json")
	if err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, "", fmt.Errorf("web/texts.json: %w", err)
	}
	return texts, fallback, nil
}

// Asset is a file of a page's documents, nil where kinds, the content types by name,
// has none of that name.
func Asset(web fs.FS, kinds map[string]string, name string) (data []byte, kind string) {
	if kind = kinds[name]; kind == "" {
		return nil, ""
	}
	data, err := fs.ReadFile(web, "web/"+name)
	if err != nil {
		return nil, ""
	}
	return data, kind
}
