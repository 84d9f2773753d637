//go:build long && !race

package alert

const monthAccounts = 1000
