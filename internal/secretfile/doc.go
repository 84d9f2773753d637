// Package secretfile reads files that hold a secret: keys, passwords, tokens. It
// is the only reader of such files, so that all of them are under one rule.
//
// What the text of a file means is for the callers to know. Files are written by
// package durable; a program's own state and what people import are no secrets'
// files and do not come in.
//
// The rule: a regular file that belongs to root or to the process' own user, and
// that nobody else has a permission for. Where root looks at the files of another
// user's keeper, they may belong to that user as well.
// A file of root's may be readable by a group that nobody but the reader is in:
// that is how a container's secrets are handed over.
// What the service manager hands over as a credential may be open to its group:
// it lets the service in by an access list, which shows as the group's bits of
// the mode, and its directory is closed. On Windows a mode says nothing; the
// access list that the directory hands down decides.
//
// Guarantees:
//   - a file that breaks the rule is not read, and its error, an [*Error], says
//     how to mend it;
//   - what is judged is the file that is read, whatever the path names a moment
//     later;
//   - a pipe is not waited for, and no more than MaxSize is read;
//   - no error holds anything of what was read.
package secretfile
