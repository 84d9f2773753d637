// Package procgroup ends a command together with all that it has started: a shell
// script that is killed alone leaves what it waits for behind.
//
// What is run, for how long and with what is the caller's matter.
//
// Guarantee: when the context of a command ends that was given to [Group], nothing
// that it started runs on, where the system has groups of processes or jobs.
package procgroup
