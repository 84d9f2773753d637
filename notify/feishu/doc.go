// Package feishu brings messages to a Feishu (飞书) or Lark group through a
// custom bot, with a link.
//
// The picture does not come in: a custom bot cannot upload one, and an
// application that can is another thing.
//
// Facts that it was checked against (open.feishu.cn, custom bot guide): a bot's
// webhook takes JSON of at most 20 KB; a post has a title and lines of text and
// a elements. A signature is the base64 of HMAC-SHA256 over nothing with
// "seconds\nsecret" as its key, in the body beside timestamp, good for an hour.
// 5 messages a second and 100 a minute are taken. An answer is {"code","msg"}:
// 0 taken, 9499 a bad request, 11232 too fast, 19001 a wrong address, 19021 a
// wrong signature, 19022 an address that is not listed, 19024 no keyword. Nothing
// can be changed or taken back.
//
// Guarantees: those of package post.
package feishu
