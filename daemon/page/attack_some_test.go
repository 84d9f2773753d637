//go:build !long

package page

// wrongPasswords is a sample; the tag "long" takes ten thousand.
const wrongPasswords = 2000
