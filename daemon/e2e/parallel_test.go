//go:build !deliveries && !kill && !faults && !stranger

package e2e_test

// testsAtOnce is how many tests go on at once for each processor: they wait most
// of the time.
const testsAtOnce = 5
