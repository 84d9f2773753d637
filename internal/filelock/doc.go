// Package filelock locks open files among processes: the lock belongs to the open
// file, goes to whoever inherits it, and the system takes it back when the last one
// who has it open is gone, whatever ended the process. A file that serves as a lock
// stays where it is: who removes it lets two hold it.
//
// Where a file lies, what it means to hold it, and waiting for it are the callers'.
package filelock
