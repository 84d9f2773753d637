// Package onebot brings messages to QQ through a bot that speaks OneBot 11 over
// HTTP, with the code as a picture.
//
// Events, WebSocket and OneBot 12 do not come in.
//
// Facts of the standard that it was checked against (OneBot 11, communication
// over HTTP and public API): send_private_msg and send_group_msg take JSON with
// a list of segments, an image's file may be base64://…; the access token is
// "Authorization: Bearer". An answer is {"status","retcode","data"}: ok with 0,
// async with 1 for what is still under way, failed with anything else, where
// 1400 to 1404 repeat an HTTP status. delete_msg takes a message's id; QQ lets
// a member recall for two minutes only.
//
// Guarantees: those of package post. Texts are segments of their own, so nothing
// in them is taken for a CQ code.
package onebot
