// Package discord brings messages to a Discord channel through a webhook, with
// the code as an attachment that an embed shows.
//
// A bot with a gateway connection does not come in, nor do webhooks that only
// look like Discord's.
//
// Facts of the API that it was checked against (docs.discord.com/developers,
// webhook and message resources, rate limits, JSON error codes;
// github.com/discord/discord-api-docs): a webhook is executed by a POST of
// payload_json and files[n] as multipart/form-data; ?wait=true has it answer with
// the message, whose id a PATCH or DELETE of …/messages/{id} takes, with the
// thread_id that the message was sent to. A content has 2000 characters, an
// embed's description 4096. The attachments of a PATCH are all that remain.
// Errors are {"code","message"}; too much is 429 with retry_after, in seconds and
// parts of them, and Retry-After. A 404 means that the webhook is not to be used
// any more. Texts are Markdown. An embed's text is not opened for a preview, a
// content's addresses are unless they stand in <>, and a login page must not be
// opened by a server.
//
// Not verified: the 30 messages a minute that a channel takes from webhooks, of
// which 5 in two seconds. Discord documents no numbers and asks to go by its
// answers; that is what it has been seen to do.
//
// Guarantees: those of package post. Nobody is mentioned, whatever a text says,
// and nothing in it is taken for markup.
package discord
