// Package webhook brings messages to an HTTP endpoint of the user's own,
// following Standard Webhooks: a JSON body, an id that stays the same on every
// try, a time stamp and a signature.
//
// Services with an interface of their own, and anything about when a message is
// sent again, do not come in.
//
// Guarantees:
//   - only a 2xx answer counts as taken; redirects are not followed;
//   - link-local and cloud metadata addresses are never connected to, whatever a
//     name resolves to, and plain http goes to loopback alone unless allowed. A
//     proxy from the environment or a transport of the caller's resolves names
//     itself; there these two hold for addresses written in the URL only;
//   - certificates are verified;
//   - an error tells the host at most: no path, query or user of the URL, no
//     secret, no code and nothing that the other side wrote.
package webhook
