// Package telegram brings messages to a Telegram chat through a bot, with the
// code as a photo.
//
// Receiving anything from Telegram, commands and buttons that answer, does not
// come in: the bot only speaks.
//
// Facts of the Bot API that it was checked against (core.telegram.org/bots/api,
// core.telegram.org/bots/faq for the limits, and the server's sources,
// github.com/tdlib/telegram-bot-api, for its errors): sendPhoto takes the picture
// as multipart/form-data and a caption of 1024 characters, sendMessage a text of
// 4096; editMessageMedia names a part of the form as attach://…; a bot deletes
// its own messages for 48 hours. An answer is {"ok":…}, with error_code, the
// same as the status, and description where it is false, and
// parameters.retry_after in seconds with each 429. To a group go 20 messages a
// minute, to one chat one a second. Links in texts are opened by Telegram's
// servers for a preview unless link_preview_options forbids it: a login page
// must not be opened by them.
//
// Not verified: whether the limits count UTF-16 units or characters; the former
// is assumed, which cuts a text early at most.
//
// Guarantees: those of package post. The text is plain, so nothing in it is
// taken for markup.
package telegram
