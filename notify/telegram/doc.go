// Package telegram brings messages to a Telegram chat through a bot, with the
// code as a photo, and where the configuration says so hears what is asked there:
// commands, and the button under a message. What is done about it is not decided
// here.
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
// must not be opened by them. getUpdates holds a request open for timeout seconds
// and forgets an update once a larger offset is asked for; after a week without one
// the next has any number; what is written in a channel comes as channel_post; 409
// says that another reader, or a webhook, is there; a button's callback_data has at
// most 64 bytes.
//
// Not verified: whether the limits count UTF-16 units or characters; the former
// is assumed, which cuts a text early at most.
//
// Guarantees: those of package post. The text is plain, so nothing in it is
// taken for markup. Only the chats that the bot writes to are answered, and of them
// the one that asks; an update is marked as read before it is answered, so none is
// answered twice.
package telegram
