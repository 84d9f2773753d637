//go:build unix && !linux && !darwin

package doctor

func fileSystem(string) FileSystem { return FileSystem{Kind: Unclear} }

func lockHolder(string) (int, bool) { return 0, false }
