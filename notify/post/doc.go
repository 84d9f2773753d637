// Package post carries one request to a service over HTTP and tells how the
// service took it: taken, to be tried again, or never.
//
// What a service wants to be told, and what its codes mean, is for the channels
// to know. When a message is sent again is the pipeline's to decide. Neither
// comes in.
//
// Guarantees:
//   - only a 2xx answer counts as taken; redirects are not followed;
//   - link-local and cloud metadata addresses are never connected to, whatever a
//     name resolves to, and plain http goes to loopback alone unless allowed. A
//     proxy resolves names itself; there these two hold for addresses written in
//     the URL only;
//   - certificates are verified;
//   - an answer is read up to a limit, and never waited for past the context;
//   - an error tells the host at most: no path, query or user of the URL, no
//     secret, no code and nothing that the other side wrote.
package post
