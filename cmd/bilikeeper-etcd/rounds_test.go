//go:build etcd && unix && !histories

package main

// usualRounds is for those who change something near it.
const usualRounds = 2
