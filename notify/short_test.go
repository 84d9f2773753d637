//go:build !long

package notify

// The default run takes a sample; the tag "long" takes many more.
const chaosSeeds = 150
