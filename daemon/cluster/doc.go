// Package cluster says which host looks after which account, where several keepers
// share one set of accounts: the decisions alone, as functions of what a host sees.
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
