//go:build long

package notify

const chaosSeeds = 5000
