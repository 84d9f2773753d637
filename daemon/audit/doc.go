// Package audit notes in the journal who was given which credential, and who was
// not. It decides nothing: who may have what is package socket's.
//
// Guarantees: the first reading by a reader is in the journal before the bytes go
// out, and so is the first of each generation; the same readings within an hour
// are counted and told of with the next, over restarts too, but for a killed keeper's
// last minute. Whatever a program calls itself, it pushes nobody else's entries out of
// the journal. Nobody waits for a disk that does not
// answer: the caller is told so and decides.
package audit
