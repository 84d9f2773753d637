// Package bark brings messages to iPhones through Bark, with a link that a tap
// opens.
//
// The picture does not come in: Bark fetches pictures by their address, and a
// code is not put where others can fetch it. Nor does encryption of Bark's own.
//
// Facts that it was checked against (github.com/Finb/bark-server, its
// docs/API_V2.md and its sources; bark.day.app, tutorial and questions): a POST
// to /push takes device_key, title, body, url, group and level, where
// timeSensitive gets through a focus mode; what the server does not know it hands
// on to the app. Apple takes 4096 bytes in all. An answer is {"code","message"}
// with the same code as the status: 400 for a device key that is not known, 500
// for all that Apple refuses. From Bark 1.5.2 and server 2.2.5 on a push takes the
// place of the one with the same id; older ones show it beside. The app removes
// a push after ttl seconds, if it knows the word and keeps a history.
//
// The public server wants no limit kept. A push can be deleted by its id where
// the app may run in the background; older servers show an empty push instead,
// so none is sent.
//
// Guarantees: those of package post.
package bark
