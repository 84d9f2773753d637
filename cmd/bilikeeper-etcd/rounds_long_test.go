//go:build etcd && unix && histories

package main

const (
	// usualRounds takes most of a night.
	usualRounds = 500
	usualClocks = 1
)
