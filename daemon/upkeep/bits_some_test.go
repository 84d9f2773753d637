//go:build !bits

package upkeep

// flips is a sample; the tag "bits" takes more.
const flips = 100
