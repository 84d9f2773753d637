// Package discord brings messages to a Discord channel through a webhook, with
// the code as an attachment that an embed shows.
//
// A bot with a gateway connection does not come in, nor do webhooks that only
// look like Discord's.
//
// Facts of the API that it was checked against (discord.com/developers/docs,
// webhook resource): a webhook is executed by a POST of payload_json and
// files[n] as multipart/form-data; ?wait=true has it answer with the message,
// whose id a PATCH or DELETE of …/messages/{id} takes. A content has 2000
// characters, an embed's title 256 and its description 4096. The attachments of
// a PATCH are all that remain. Errors are {"code","message"}; too much is 429
// with retry_after in seconds. An embed's text is not opened for a preview, a
// content's links are, and a login page must not be opened by a server.
//
// Guarantees: those of package post. Nobody is mentioned, whatever a text says.
package discord
