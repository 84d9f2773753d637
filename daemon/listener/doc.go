// Package listener serves programs over the network, by what a configuration says:
// it listens, bounds who calls, and tries again where it fails.
//
// What is served is handed in; who may have it is decided there.
//
// Guarantees: a listener that cannot listen keeps nothing else from working, and is
// in the status until it can; a stop waits for the answers under way, for a moment.
package listener
