// Package e2e tests the keeper from outside: the real binary in a process of
// its own, between a simulator of the site and a receiver of webhooks, driven
// by the command line and the control socket, and ended by signals.
//
// What can be tested inside a process, on a fake clock, is tested beside the
// code; here belongs only what needs a process: kills at every moment, exit
// codes, files and their modes, memory, everything that was ever written. No
// code that is not a test may come in.
//
// The default run takes samples. Build tags take more: kill, every moment of a
// rotation and of a life; long, a thousand random kills and a thousand rotations under a
// reader's eyes; faults, kills and errors at each of a rotation's disk calls,
// which needs Linux on amd64 and the right to trace a process of one's own;
// stranger, other users of the system, which needs Linux and root;
// deliveries, two hundred kills of keepers that are telling people something;
// soak, an hour in which much happens and nothing may grow;
// dbus, the agent in a desktop session, which needs dbus-daemon.
//
// The tests guarantee that each run has its own directory, ports and keeper,
// that nothing talks to anything but this machine, and that no keeper outlives
// the test that started it. They wait for what they can see, with a deadline,
// and never for a time in which something has probably happened.
package e2e
