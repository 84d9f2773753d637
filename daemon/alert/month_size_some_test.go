//go:build !long && !race

package alert

// What goes wrong is as much for fewer accounts; the tag "long" takes a thousand.
const monthAccounts = 200
