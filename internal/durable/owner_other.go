//go:build !unix

package durable

import "io/fs"

const noWait = 0

func guarded() bool { return false }

func steady(fs.FileInfo, fs.FileInfo) bool { return true }

// SameMode is true: a file is readable by whom its directory says.
func SameMode(fs.FileInfo, fs.FileMode) bool { return true }

// Owned is true: nothing here gives files away.
func Owned(fs.FileInfo, int, int) bool { return true }

// Names is how many names a file has, as far as is known.
func Names(fs.FileInfo) int { return 1 }
