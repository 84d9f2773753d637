// Package webhook brings messages to an HTTP endpoint of the user's own,
// following Standard Webhooks: a JSON body, an id that stays the same on every
// try, a time stamp and a signature.
//
// Facts of the specification that it was checked against
// (github.com/standard-webhooks/standard-webhooks, spec): webhook-id stays the
// same on each try and webhook-timestamp is the try's, in seconds;
// webhook-signature is v1 and the base64 of HMAC-SHA256 over "id.timestamp.body",
// one for each secret, parted by spaces; a secret is base64 after whsec_. A 2xx is
// a success, 410 says that nothing more is wanted, 429 and Retry-After are to be
// kept to. It names no rate.
//
// Services with an interface of their own, and anything about when a message is
// sent again, do not come in.
//
// Guarantees: those of package post, and that each try of a message has the
// same id and the same body.
package webhook
