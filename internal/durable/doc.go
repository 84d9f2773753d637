// Package durable writes files that survive a crash.
//
// A file appears under its name complete, or not at all: it is written beside
// its place under a name of its own, with its final owner and mode, flushed to
// the disk, and only then takes its place; the directory is flushed last,
// because a rename that is not on disk did not happen. What the bytes mean is
// no business of this package: no format, no encryption and no lock belongs in
// here.
//
// Guarantees: after a write that returned nil, a power cut leaves the new
// content; after a crash in the middle, the old one. At no moment is the
// content readable by more people than the mode asked for. A symbolic link and
// anything else that is not a regular file is refused, never followed or
// replaced. In root's process that holds for each directory on the way, where
// somebody else could change the link; the write goes to the directory that was
// opened. A mode or an owner that was set is read back. On Windows a directory cannot be flushed, so that the last step is
// left to the file system there.
package durable
