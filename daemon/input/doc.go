// Package input takes over a login that another tool keeps. [Parse] reads one
// file or one pasted line and returns the cookies in it, mended where tools are
// known to break them, with a sentence for people on each mend.
//
// Nothing of the vault, the site or the network may come in here: whether a
// session lives is for the site to say, and when it ends is read from its
// cookies elsewhere. Nothing is guessed either. A text that could be of two
// formats, or that holds the logins of two accounts, is refused with a word on
// how to go on, because the wrong guess would overwrite somebody's session.
//
// Guarantees: a value keeps its bytes but for the mends that the notes name;
// the refresh token is never returned as a cookie; notes and errors are made of
// fixed words and of numbers that count lines and cookies, never of the text;
// work and memory are linear in the input, which is bounded.
package input
