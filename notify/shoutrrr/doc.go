// Package shoutrrr brings the text of messages to services that have no package
// of their own here, through the library of that name and one of its URLs.
//
// Pictures and what a service can do beside text do not come in: a service that
// is worth it gets a package of its own.
//
// The library decides how each service is reached. It takes no context, so a
// send that hangs is left behind, and the next one waits for it. It follows
// redirects, uses the proxy of the environment, and does not keep from link-local
// addresses: its URL is to be trusted as a program is. Some of its services keep
// the answer in their errors, which is why none of these texts comes out.
//
// What each service answers and allows is the library's to know
// (shoutrrr.nickfedor.com) and was not verified here; it has no common rate.
//
// Guarantees: two sends never overlap; an error tells the service's name and a
// status at most.
package shoutrrr
