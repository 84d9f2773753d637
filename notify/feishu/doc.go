// Package feishu brings messages to a Feishu (飞书) or Lark group through a
// custom bot, with a link.
//
// The picture does not come in: a custom bot cannot upload one, and an
// application that can is another thing.
//
// Facts that it was checked against (open.feishu.cn/document/client-docs/bot-v3/
// add-custom-bot, as quoted in issues and libraries' sources; the site itself
// could not be read): a bot's webhook takes JSON of at most 20 KB; a post has a
// title and lines of text and a elements. A signature is the base64 of
// HMAC-SHA256 over nothing with "seconds\nsecret" as its key, in the body beside
// timestamp, good for an hour. 5 messages a second and 100 a minute are taken, at
// the full hour less. An answer is {"code","msg"}, or {"StatusCode"} from older
// servers: 0 taken, 19001 a wrong address, 19021 a wrong signature, 19022 an
// address that is not listed, 19024 no keyword. Nothing can be changed or taken
// back.
//
// Codes that the service has been seen to give: 11232 too fast, with 200; 9499 a
// bad request, with 400, and too fast as well where its msg says "too many
// request". Not verified: 1500, and 99991400, the platform's limit, which comes
// with 400 or 429 and x-ogw-ratelimit-reset in seconds.
//
// Guarantees: those of package post.
package feishu
