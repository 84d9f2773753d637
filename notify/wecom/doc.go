// Package wecom brings messages to a WeCom (企业微信) group through a group
// robot, with the code as a picture.
//
// The application API with its access tokens does not come in.
//
// Facts that it was checked against (developer.work.weixin.qq.com, documents
// 91770 and 90313, as quoted in libraries' sources; the site itself could not be
// read): a robot's webhook takes JSON; an image is base64 with the MD5 of what it
// was before, at most 2 MB as PNG or JPG; a text has 2048 bytes of UTF-8. There is
// no message with both, so a code takes two. A robot may send 20 messages a
// minute. An answer is 200 with errcode, 0 where the message was taken; only the
// code is meant for programs, its text may change. Of the codes only a trouble of
// the system is to be tried again, and a limit of rate, which ends after a minute.
// Markdown does not show in WeChat, so a text is plain. Nothing can be changed or
// taken back.
//
// Not verified: 301019, and that the codes of messages and pictures (40008,
// 40009, 40058, 44004, 45002) are those that a robot gets too.
//
// Guarantees: those of package post. A picture that was taken is not sent again
// by the same process when its text was not.
package wecom
