// Package etcd is a host's part in a cluster of keepers that agree through etcd: a
// presence under a lease, accounts owned by keys under the same lease, one sender of
// messages, and requests from host to host. What a host should own is decided by package
// cluster; records, the journal and what an account's owner does are not here.
//
// Only programs that are made for a cluster link this package: etcd's client is large.
//
// All keys lie under one prefix P:
//
//	P/hosts/<host>         who lives: version, since when, lag; sealed
//	P/owner/<account>      the name of the host that owns the account
//	P/sender               the name of the host that sends messages
//	P/mail/<host>/q<id>    a request to a host; sealed
//	P/mail/<host>/a<id>    the answer to a request of that host; sealed
//
// Each of them lies under the lease of the host that wrote it, and goes with it.
//
// etcd keeps a lease as long as it is renewed; one before 3.4.31 and 3.5.13 may take it
// away from a host that lives, when a leader that had been stopped goes on. The host
// then stops as soon as it sees that, and until it does only the fence of its writes
// keeps two owners apart.
//
// Guarantees:
//   - a host takes itself for an account's owner only while the key is under its own
//     lease and that lease, measured from when its renewal was sent, has not run out;
//     so no two hosts do at the same moment. It stops by itself, without being told;
//   - a lease that has run out is not used again: the host comes back with another;
//   - a host that leaves says so, and what it owned is free at once;
//   - of two processes with the same host name one has a part in the cluster;
//   - a request is carried out at most once, by the process that it was sent to, and
//     never begun after its deadline, whatever the hosts' clocks say;
//   - without the key, presences, requests and answers can be neither read nor made.
package etcd
