//go:build unix && !deliveries

package e2e_test

import "time"

// The default run takes a sample.
const (
	deliveryKills   = 10
	deliveryKeepers = 3
	deliveryCodes   = 4 * time.Second        // how long a code lives
	deliveryGather  = 300 * time.Millisecond // for how long messages of one kind are gathered
	deliveryTime    = time.Minute            // within which the kills have to be done
	mostInARow      = 1                      // failures of one channel, so that it waits for about a second at most
	deliveryPace    = 4                      // by which people, receivers and kills are faster than they need be
	killsPerHundred = 40                     // requests
)
