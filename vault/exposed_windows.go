package vault

import "io/fs"

// On Windows a mode says nothing; the access list of the user's profile, where
// the vault lies, keeps others out.
func checkPrivate(_, _ string, _ fs.FileInfo) error { return nil }

func checkKeyDir(string) error { return nil }

func checkClosed(_, _ string, _ fs.FileInfo) error { return nil }

func giveTo(_, _ string) error { return nil }

const replacesOpen = false
