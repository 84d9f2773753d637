// Package telegram brings messages to a Telegram chat through a bot, with the
// code as a photo.
//
// Receiving anything from Telegram, commands and buttons that answer, does not
// come in: the bot only speaks.
//
// Facts of the Bot API that it was checked against (core.telegram.org/bots/api):
// sendPhoto takes the picture as multipart/form-data and a caption of 1024
// characters, sendMessage a text of 4096; editMessageMedia names a part of the
// form as attach://…; a bot deletes its own messages for 48 hours. An answer is
// {"ok":…}, with error_code and description where it is false, and
// parameters.retry_after where too much was sent. Links in texts are opened by
// Telegram's servers for a preview unless link_preview_options forbids it: a
// login page must not be opened by them.
//
// Guarantees: those of package post. The text is plain, so nothing in it is
// taken for markup.
package telegram
