//go:build !long

package main

// A block is waited for. Where that takes long, each way is taken once; the tag "long"
// takes each at both places.

func blocksAtThePoll() []string { return siteBlocks()[:2] }

func blocksOverdue() []string { return siteBlocks()[2:] }
