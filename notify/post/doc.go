// Package post carries a message to a service over HTTP, in the shapes that the
// services want, and tells how the service took it: taken, to be tried again, or
// never.
//
// How an address is reached is package outbound's. What a service wants to be
// told, and what its codes mean, is for the channels to know. When a message is
// sent again is the pipeline's to decide. None of these comes in.
//
// Guarantees: those of package outbound; only a 2xx answer counts as taken; a
// code that does not work any more is not sent.
package post
