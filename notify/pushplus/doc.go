// Package pushplus brings messages to WeChat and more through PushPlus
// (推送加), as a page with the code's picture and a link.
//
// Facts that it was checked against (www.pushplus.plus/doc and
// api.pushplus.plus): a POST to /send takes token, title of 100 characters,
// content, template html, and topic for a group. A message whose timestamp, in
// milliseconds, has passed is not sent any more. An answer is 200 with a code of
// its own: 200 queued, 500 trouble, 900 too much today, where more requests make
// it worse, 903 a wrong token, 905 an account without a verified identity, 888 no
// points left. Nothing can be changed or taken back.
//
// Guarantees: those of package post. A code that died in the service's own queue
// is not delivered. Texts are escaped.
package pushplus
