//go:build deliveries || kill || faults || stranger

package e2e_test

// testsAtOnce is one for each processor, as the long tests keep them busy.
const testsAtOnce = 1
