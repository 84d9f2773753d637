// Package setting is what the parts of a configuration have in common, whoever
// they belong to: the keys of a table, what can be wrong with one, the forms of
// addresses and of secrets, and how a value is printed that may be a secret.
//
// A part of the configuration (a channel, the outputs, the program's own keys)
// declares its keys as a struct with toml tags and checks them with [Faults]. The
// package config finds the keys in the file and tells their lines. What a key
// means, where it stands in a file, and how a file is read may not come in.
//
// Guarantees: no fault quotes an address or what is in a file with a secret;
// what [Masked] returns shares nothing that it changed with its original.
package setting
