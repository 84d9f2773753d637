// Package dingtalk brings messages to a DingTalk (钉钉) group through a custom
// robot, with a link.
//
// The picture does not come in: DingTalk fetches pictures by their address, and
// a code is not put where others can fetch it.
//
// Facts that it was checked against (open.dingtalk.com, custom robots, as quoted
// in libraries' sources; the site itself could not be read): a robot's webhook
// takes JSON of at most 20,000 bytes, a text or a link with title, text and
// messageUrl, of which a long text is not shown whole. A robot wants one of a
// keyword, an address list or a signature: the base64 of HMAC-SHA256 over
// "milliseconds\nsecret" with the secret as its key, as sign beside timestamp in
// the query, good for an hour. 20 messages a minute are taken, then none for ten
// minutes. An answer is 200 with errcode, a number that the documents also show
// as a text: 0 taken, 310000 the robot's protection refuses, 410100 too fast,
// 4001.. the robot, 4301.. the content, -1 busy. Nothing can be changed or taken
// back.
//
// Codes that the service has been seen to give and does not document: 130101 and
// 660026 too fast, 300001 and 300005 a token that does not exist, 460101 too
// long. Not verified: whether 660026 is followed by ten minutes as well.
//
// Guarantees: those of package post.
package dingtalk
