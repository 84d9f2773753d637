// Package archtest holds the rules of the architecture as a test, and nothing else.
//
// The rules are about shape: which room may import which, how long files and
// functions may grow, how wide an interface, where a program may end itself,
// and that every package says what it is for. What code does is no business of
// this package. It has no exported names, and nothing imports it.
//
// Guarantee: a breach fails the test with its file, its line and the rule.
package archtest
