// Package qr draws QR codes for people: as a picture for a message, and as text
// for a terminal.
//
// What the content means does not come in, nor does any service that draws
// codes for others: the content is a secret while it works.
//
// Guarantees: what is drawn is dark on light with a quiet zone around it and
// reads back as the content; what does not fit is refused, never cut; no error
// repeats the content.
package qr
