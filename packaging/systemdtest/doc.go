// Package systemdtest tests the keeper where most people run it: as a service of a
// systemd that is the first process of a Debian of its own, installed from the
// package or by the program itself. What the program does without a service manager
// is tested in daemon/e2e, what a package contains beside the package; here belongs
// only what the unit, the maintainer scripts and the service manager make of it. No
// code that is not a test may come in.
//
// The tests stand behind the tag systemd. They need Linux, root, debootstrap, nsenter
// and, when the Debian tree is made, its mirror. The tree is kept in the user's
// cache; no test writes to it. BILIKEEPER_DEBIAN=trixie, for example, takes another
// Debian.
//
// The tests guarantee that each has its own system, with its own network, and that
// nothing of it outlives the test's process, however that ends: a guard waits for
// this and ends the system, and a guard that is killed takes it along.
package systemdtest
