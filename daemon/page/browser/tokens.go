package browser

import _ "embed"

// Tokens are the colours of all pages, light and dark: the beginning of each style
// sheet.
//
//go:embed tokens.css
var Tokens []byte
