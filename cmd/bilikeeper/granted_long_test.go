//go:build long

package main

func blocksAtThePoll() []string { return siteBlocks() }

func blocksOverdue() []string { return siteBlocks() }
