// Package gotify brings messages to a Gotify server, with a link that a tap
// opens.
//
// The picture does not come in: Gotify's clients fetch pictures by their
// address, and a code is not put where others can fetch it.
//
// Facts that it was checked against (gotify.net/docs, msgextras and priority, and
// the server's sources, github.com/gotify/server): a POST to /message with an
// application's token in X-Gotify-Key takes title, message, which must not be
// empty, priority and extras, of which client::notification has click.url. A text
// is plain unless an extra says otherwise. Android makes a sound from priority 4
// on and vibrates from 8. An answer is the message with its id, an error
// {"error","errorCode","errorDescription"} with the same code as the status.
// DELETE /message/ID wants a client's token; an application may not delete. The
// server limits neither rate nor length.
//
// Guarantees: those of package post.
package gotify
