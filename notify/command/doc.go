// Package command hands messages to a program of the user's own, for whatever no
// other channel reaches.
//
// The program is started without a shell. It finds the JSON of a webhook on its
// standard input and the rest in its environment, of which it sees nothing of the
// keeper's own but where programs are and who it runs as. A code's picture is a
// file that nobody else can read. What the program does with them, and when a
// message is sent again, does not come in.
//
// Guarantees: one program runs at a time; when it is over its time, it and all that
// it has started are ended; the picture is gone when the program is; neither the
// code nor its page is in an argument or in an error, though the program writes
// them there.
package command
