// Package pushplus brings messages to WeChat and more through PushPlus
// (推送加), as a page with the code's picture and a link.
//
// Facts that it was checked against (www.pushplus.plus/doc, "how to unlock an
// account", and api.pushplus.plus, "codes"): a POST to /send takes token, title,
// content, template html, and topic for a group. A message whose timestamp, in
// milliseconds, has passed is not sent any more. An answer is 200 with a code of
// its own: 200 queued, 302, 401 and 403 no permission, 500 trouble, 600 and 999 a
// request that cannot be taken, 805 no right, 888 no points left, 900 an account
// that is restricted, 903 a wrong token, 905 an account without a verified
// identity. A free account has 200 requests a day; more lock it until the next
// day, from 400 on for two days, from 1,000 on for seven, and each further request
// counts. Nothing can be changed or taken back.
//
// Not verified: the lengths of a title and a page.
//
// Guarantees: those of package post. A code that died in the service's own queue
// is not delivered. Texts are escaped.
package pushplus
