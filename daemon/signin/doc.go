// Package signin keeps the browsers that are signed in to the account page: by a
// link that the command line asked for, or by the password. What a page shows, and
// HTTP, may not come in.
//
// Guarantees:
//   - A link works once, and for ten minutes. It is kept in memory alone; where browsers
//     may come to several hosts, as its hash in the vault.
//   - Who is signed in at one of several hosts is so at all, and who is signed out at none.
//   - What a browser holds is kept as its hash; who reads the vault cannot sign in
//     with it. A password is kept as its Argon2id hash.
//   - A session ends after thirty days, when it is revoked, and when the browser
//     signs out, at once and over restarts. One that a password began ends with
//     that password.
//   - Guessing the password is slow, and shuts nobody out who knows it.
//   - Links and sessions are bounded in number.
package signin
