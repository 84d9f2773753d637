// Package webhook brings messages to an HTTP endpoint of the user's own,
// following Standard Webhooks: a JSON body, an id that stays the same on every
// try, a time stamp and a signature.
//
// Services with an interface of their own, and anything about when a message is
// sent again, do not come in.
//
// Guarantees: those of package post, and that each try of a message has the
// same id and the same body.
package webhook
