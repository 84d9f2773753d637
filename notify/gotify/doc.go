// Package gotify brings messages to a Gotify server, with a link that a tap
// opens.
//
// The picture does not come in: Gotify's clients fetch pictures by their
// address, and a code is not put where others can fetch it.
//
// Facts that it was checked against (gotify.net/docs/msgextras, and the server's
// API description): a POST to /message with an application's token in
// X-Gotify-Key takes title, message, priority and extras, of which
// client::notification has click.url; from priority 8 on Android rings. An
// answer is the message with its id, an error {"error","errorCode"}. DELETE
// /message/ID wants a client's token; an application may not delete.
//
// Guarantees: those of package post.
package gotify
