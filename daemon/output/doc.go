// Package output turns a credential into what a tool reads. [Render] writes
// one format; the keeper decides who gets it.
//
// The values of cookies go out byte for byte as the site set them: SESSDATA
// holds percent-encoded commas that a round trip through a decoder would
// change. The refresh token is left out of every format unless it is asked for,
// because a tool that holds it refreshes on its own and thereby ends the
// keeper's session.
//
// Nothing of the vault, the site or the network may come in here.
package output
