//go:build bits

package upkeep

// flips are the bits that turn over, one at a time.
const flips = 1000
