//go:build !race

package alert

const monthAccounts = 1000
