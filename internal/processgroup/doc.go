// Package processgroup ends a program together with everything that it has
// started: a shell script that is killed alone leaves what it waits for behind.
//
// When a program is to end, and how much time it has, is its caller's to say and
// may not come in.
//
// Guarantees: a signal reaches the members of the group and nobody else. What has
// left the group by itself, as a daemon does, is no member any more. On Windows a
// group is a job object, which the program is put into a moment after it was
// started; what it starts in that moment is no member.
package processgroup
