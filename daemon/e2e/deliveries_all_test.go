//go:build unix && deliveries

package e2e_test

import "time"

const (
	deliveryKills   = 200
	deliveryKeepers = 6
	deliveryCodes   = 6 * time.Second
	deliveryGather  = 2 * time.Second // for how long messages of one kind are gathered
	deliveryTime    = 75 * time.Second
	mostInARow      = 3
	deliveryPace    = 1  // by which people, receivers and kills are faster than they need be
	killsPerHundred = 30 // requests
)
