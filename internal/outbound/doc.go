// Package outbound sends requests to addresses that a person configured: those
// of notification channels and of pushes.
//
// It looks at each address after the name was resolved and right before the
// connection is made, because a check of the name alone is undone by a name
// server that answers differently the second time. It reads what every HTTP
// server means by a status and by Retry-After, and says why a request failed in
// words that hold no address. What is sent, what a service's own codes mean and
// when a request is made again is for the callers to know; no message and no
// credential may come in here. The requests to the site are passport's.
//
// Guarantees:
//   - link-local and cloud metadata addresses are never connected to, whatever a
//     name resolves to, and plain http goes to this machine alone unless allowed.
//     A proxy resolves names itself; there these two hold for addresses written
//     in the URL only;
//   - certificates are verified, redirects are not followed;
//   - an answer is read up to a limit, and never waited for past the context;
//   - an error tells the host at most: no path, query or user of the URL, no
//     secret, and nothing that the other side wrote;
//   - nothing is kept open once a request is over.
package outbound
