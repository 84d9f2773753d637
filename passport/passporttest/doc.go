// Package passporttest is the site for people who cannot, or should not, ask the
// real one: a simulator of the logins by QR code and by SMS, of the session
// checks, of the refresh with its confirmation and of the logout, of both realms,
// with phones that scan and get messages, sessions that die and every trouble
// that the site is known for. The tests, the demo and whoever tries the program
// use it.
//
// A [Site] is an http.Handler that plays all roles at once, made of areas that share
// one state: accounts with their sessions, faults, traffic, and the fields QR,
// Refresh, SMS and Intl. Each area has its handlers and what tests may set; [Site.Start] serves
// it on a loopback port, [Site.Transport] answers without any network, so that
// it works on the fake clock of testing/synctest. Nothing of the keeper may
// come in here: the simulator knows only what goes over the wire, and it is
// written apart from the client on purpose, since a shared mistake would prove
// itself right.
//
// Guarantees: it talks to nobody; all credentials are invented on the spot; a
// success is delivered once; a request that meets a trouble changes nothing,
// LoseReply and CutReply apart; nothing is left running once a server is closed
// or a request has returned.
package passporttest
