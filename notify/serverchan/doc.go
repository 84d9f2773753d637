// Package serverchan brings messages to WeChat or an app of its own through
// ServerChan (Server酱), Turbo or 3, with a link.
//
// Facts that it was checked against (doc.sc3.ft07.com, whose sources are
// github.com/easychen/serverchan3-doc, and what sct.ftqq.com says as quoted in
// issues): Turbo is a POST to sctapi.ftqq.com/KEY.send, 3 to
// UID.push.ft07.com/send/KEY.send, where the key begins with sctp, the UID and a
// t; both take JSON. A title has 32 characters and no line break, desp is Markdown
// of at most 32 KB in which only an empty line parts two lines and HTML does not
// show, short is what the card in the chat says, noip=1 leaves the sender's address
// out. Pictures in the text are not taken. An answer is {"code","message"}, 0
// where the message was queued. Too many calls from an address are answered with
// 429, which ends when none has come for 24 hours. Nothing can be changed or taken
// back.
//
// What the service has been seen to give: 400 with code 40001 both for a wrong key
// (scode 461) and for a day that is used up, whose message then has a number of
// messages (发送次数) in it, 5 for an account that pays nothing; 471 for the latter.
// Such an account is told by its answer, not by a rate: one that pays may send
// more. Not verified: the 64 characters of short, codes from 50000 on.
//
// Guarantees: those of package post. What Markdown would take for markup is
// escaped.
package serverchan
