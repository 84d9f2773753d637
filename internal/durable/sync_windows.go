package durable

// SyncDir does nothing: Windows has no call that flushes a directory.
func SyncDir(string) error { return nil }

func (*Dir) sync() error { return nil }
