// Package config reads the keeper's configuration.
//
// It finds each key of the TOML file and its line, sets defaults, masks secrets for
// print and compares two configurations, and it finds the places of the file, the
// state and the control socket. What an entry of a channel can say, whether a
// schedule, a text or an output is right, and what a peer may be allowed to do is
// known by the rooms that act on it and handed in as [Checks]. It does nothing with
// what it reads: no directory is made, no schedule started, no message sent. The
// protocol, the vault, the channels and every room above may not come in; what they
// need from the file is handed to them as plain values.
//
// Errors are written for the person who edits the file: [Error] holds one
// [Problem] for each fault, with its line, what is wrong and how to mend it.
// Reading goes in three steps (the TOML itself; keys and types; values and the
// files that they name), and all faults of a step are told at once. [Places.Read]
// leaves the files to the parts that need them; with [Checks.Build] the parts are
// built as well.
//
// Guarantees: a Config without an error can be acted upon as it is, every
// value in range and every default filled in. The keeper is never less polite
// to the site's real hosts than the limits allow. No error text and nothing
// that [Config.Print] writes holds a secret, a URL's path or its query. What
// this version does not act upon is said by [Config.Warnings]. Data that are
// not a configuration give an error, never a panic.
package config
