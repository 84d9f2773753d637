// Package dingtalk brings messages to a DingTalk (钉钉) group through a custom
// robot, with a link.
//
// The picture does not come in: DingTalk fetches pictures by their address, and
// a code is not put where others can fetch it.
//
// Facts that it was checked against (open.dingtalk.com, custom robots): a
// robot's webhook takes JSON, a text or a link with title, text and messageUrl.
// A robot wants one of a keyword, an address list or a signature: the base64 of
// HMAC-SHA256 over "milliseconds\nsecret" with the secret as its key, as sign
// beside timestamp in the query, good for an hour. 20 messages a minute are
// taken, then none for ten minutes. An answer is 200 with errcode: 0 taken,
// 310000 the robot's protection refuses, 130101 and 410100 too fast, -1 busy.
// Nothing can be changed or taken back.
//
// Guarantees: those of package post.
package dingtalk
