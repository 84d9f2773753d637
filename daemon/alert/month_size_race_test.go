//go:build race

package alert

// The race detector makes a month ten times as long, and finds no more among more.
const monthAccounts = 100
