// Package onebot brings messages to QQ through a bot that speaks OneBot 11 over
// HTTP, with the code as a picture.
//
// Events, WebSocket and OneBot 12 do not come in.
//
// Facts of the standard that it was checked against (github.com/botuniverse/
// onebot-11, communication over HTTP and public API): send_private_msg and
// send_group_msg take JSON with a list of segments, an image's file may be
// base64://…; the access token is "Authorization: Bearer", and a wrong one is
// answered with 401 or 403, an action that does not exist with 404, a body that
// cannot be read with 400 or 406. All else is 200 with {"status","retcode",
// "data"}: ok with 0, async with 1 for what is still under way, failed with
// anything else. delete_msg takes a message's id.
//
// The standard names no codes of failure; these are the bots' own, from their
// sources (NapNeko/NapCatQQ, LLOneBot/LLOneBot, Mrs4s/go-cqhttp). NapCat and
// LLOneBot say 400 to a request that they do not understand and 200 to whatever
// went wrong in it, with 1400 and 1200 where they copy their WebSocket;
// go-cqhttp says 100 to everything and tells in msg what it was, 404 to an action
// that does not exist.
//
// Not verified: other bots' codes, each of which may be tried again, and that QQ
// lets a member recall for two minutes only. The standard names no rate.
//
// Guarantees: those of package post. Texts are segments of their own, so nothing
// in them is taken for a CQ code.
package onebot
