// Package control serves the control API on the keeper's Unix socket: it takes
// requests, finds out who asks, decides whether they may, and hands the work to
// the keeper. Its routes stand in one table with what each has to be allowed; those
// about one subject share a type with what they need. No rule of an account's life,
// no vault, no request to the site may come in; the wire types live in package
// client.
//
// The peer is named by the kernel and never by the request. What a page in a
// browser sends is refused, so that none reaches the socket through a forwarder.
//
// Guarantees:
//   - The socket is its owner's alone from the moment it exists; those whom the
//     policy names are let in one by one, and nobody else with them.
//   - No route is reachable without a decision of the policy, but for healthz
//     and the API's own description.
//   - No credential leaves before its reading has been recorded.
//   - No answer may be stored, no query is logged, no panic ends the keeper.
//   - A slow reader delays nobody; whoever stops reading is cut off.
//   - Shutdown ends every wait and every stream.
package control
