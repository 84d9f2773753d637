//go:build etcd && unix && !histories

package main

const (
	// usualRounds is for those who change something near it.
	usualRounds = 2
	// usualClocks are right: a keeper with another clock takes most of Go's own packages
	// being built anew.
	usualClocks = 0
)
