// Package passport speaks the site's protocol: it sends the requests of a
// login by QR code or by SMS, of a session's check, of its refresh and of the
// logout, and says what a reply means.
//
// The vendor has two sites, bilibili.com and bilibili.tv; accounts and cookies of
// one mean nothing to the other. What both can be asked is the [Realm], which has
// an implementation for each; what bilibili.com alone has (the refresh, the login
// by SMS, the device's identifiers) belongs to the [Client].
//
// It knows no disk, no schedule and no account's name. What has to be kept is
// returned to the caller, who keeps it before the next call; when to call is
// the caller's matter too. Nothing that is about one account's life, about
// people or about storage may come in here.
//
// Every request goes through one [Limiter], which knows the rate over all, the
// budget of each account, the politeness between two requests and the circuit
// breakers. There is no way round it and no switch that turns it off.
//
// None of this is a documented interface of the vendor: paths, codes and the
// form of a reply have changed before and live in this package alone.
//
// Guarantees:
//
//   - [Dead] comes from one thing only: code -101, as whole JSON, in an HTTP 200
//     of the host that was asked, for a request that carried a session. The
//     check of bilibili.tv has a second way to say the same, a plain
//     "is_login": false. No network trouble, no block and no reply that is not
//     understood yields it.
//   - At most one request leaves per call and per hop: nothing is retried or
//     redirected unseen. An error says whether it left.
//   - A refresh whose reply is no new pair is an error, beside which comes what
//     the site gave: it cannot be had again.
//   - Text that people wrote is on one line and without control characters.
//   - Cookie values keep the bytes that the site sent.
//   - A login's reply leads only to hosts of the site's own, and a captcha is
//     solved by a person or not at all.
//   - No error text holds a URL, a query, a cookie, a token or a key.
//   - Nothing runs on after a call has returned.
package passport
