// Package memory gives memory back to the system that a process took for a while
// and does not need any more: after a start, above all, which reads and runs much
// that is never touched again.
//
// When that is worth its cost is the caller's to know, and what lies in the memory
// may not come in.
//
// What the package guarantees: nothing is lost. What is needed again after all is
// fetched again, from the program's file where it came from there.
package memory

import "runtime/debug"

// GiveBack gives back the heap that is free and, where the system allows it, the
// pages of the program that are not written to. It takes some milliseconds.
func GiveBack() {
	debug.FreeOSMemory()
	program()
}
