// Package parts builds what a configuration lists, one part at a time, so that one
// which cannot be built is left out and keeps no other down. What is left out is
// told of here; what runs, when it is tried again and what is put into force is for
// the package above to say.
//
// It also knows which files are the keeper's own, and not for a part to write; and [Host]
// brings together the vault, the cluster and the keeper, where several share the
// accounts.
//
// Guarantee: to check a configuration builds the same parts, connects to nothing
// and leaves nothing behind.
package parts
