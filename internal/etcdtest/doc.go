// Package etcdtest runs a real etcd for tests, of one member or several, on ports of
// the loopback, with its data under a temporary directory, and breaks it in the ways
// in which it breaks: a member killed or stopped, the way to it cut or slow, answers
// lost, history compacted, space used up. A [Network] has hosts of its own, where root
// allows it, whose cables can be pulled. Nothing but tests imports it. What is kept
// in etcd, and what is made of a failure, is the test's business.
//
// The program is etcd on the path, or what BILIKEEPER_ETCD names. Where there is none
// the test is skipped, with that as the reason.
//
// Guarantees: what was started ends with the test, however that ends; a test that
// failed shows what the members logged last; nothing of the environment reaches etcd.
package etcdtest
