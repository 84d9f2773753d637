// Package output turns a credential into what a tool reads. [Render] writes
// one format; the keeper decides who gets it.
//
// The values of cookies go out byte for byte as the site set them: SESSDATA
// holds percent-encoded commas that a round trip through a decoder would
// change. The refresh token is left out of every format unless it is asked for,
// because a tool that holds it refreshes on its own and thereby ends the
// keeper's session.
//
// Nothing of the vault, the site, the disk or the network may come in here. What
// brings a rendered credential to a file, a program or a tool's API is in
// output/engine; what lets tools fetch one is in output/serve.
//
// Guarantees: the same credential is rendered to the same bytes every time, so
// that bytes tell whether anything changed; a value that a format cannot hold
// is refused and never mended; errors hold no secret.
package output
