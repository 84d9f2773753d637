// Package serverchan brings messages to WeChat or an app of its own through
// ServerChan (Server酱), Turbo or 3, with a link.
//
// Facts that it was checked against (sct.ftqq.com and doc.sc3.ft07.com): Turbo
// is a POST to sctapi.ftqq.com/KEY.send, 3 to UID.push.ft07.com/send/KEY.send,
// where the key begins with sctp, the UID and a t. A title has 32 characters and
// no line break, desp is Markdown of at most 32 KB, noip=1 leaves the sender's
// address out. An answer is {"code","message"}, 0 where the message was queued;
// free accounts may send a few messages a day. Nothing can be changed or taken
// back.
//
// Guarantees: those of package post. What Markdown would take for markup is
// escaped.
package serverchan
