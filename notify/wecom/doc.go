// Package wecom brings messages to a WeCom (企业微信) group through a group
// robot, with the code as a picture.
//
// The application API with its access tokens does not come in.
//
// Facts that it was checked against (developer.work.weixin.qq.com, documents
// 91770 and 90313): a robot's webhook takes JSON; an image is base64 with its
// MD5, at most 2 MB as PNG or JPG; a text has 2048 bytes of UTF-8. There is no
// message with both, so a code takes two. A robot may send 20 messages a
// minute. An answer is 200 with errcode, 0 where the message was taken; only
// the code is meant for programs, its text may change. Nothing can be changed
// or taken back.
//
// Guarantees: those of package post. A picture that was taken is not sent again
// by the same process when its text was not.
package wecom
