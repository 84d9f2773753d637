//go:build etcd && unix && histories

package main

// usualRounds takes most of a night.
const usualRounds = 500
