//go:build long

package page

const wrongPasswords = 10000
