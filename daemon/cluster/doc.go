// Package cluster says which host looks after which account, where several keepers
// share one set of accounts. It is what the keeper sees of that: an interface,
// [Membership]; [Alone], for a keeper that shares with nobody; and the decisions as pure
// functions. The package that speaks to etcd is daemon/cluster/etcd, apart, so that a
// keeper without a cluster does not link etcd's client.
//
// No network, no key and no state of an account comes in here.
//
// An account belongs to the host that [Best] names among those that live. A host takes
// what is free and belongs to it at once; it lets go of what belongs to another only
// when the hosts have been the same for a while and nothing is under way ([Decide]).
//
// Guarantees: every host that sees the same hosts comes to the same decision; a host
// that comes or goes moves the accounts that it wins or held, and no others; time is
// [Uptime], which a clock that is set does not change and a machine's sleep does not
// stop; a [Lease] that has once run out stays so.
package cluster
