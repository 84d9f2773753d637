// Package clientaddr says whose a request is that may have come through reverse
// proxies, and whom it is counted for. What is done with that is its caller's.
//
// Guarantee: no header of a peer that is not trusted is believed, and none of an
// entry that such a peer could have written itself.
package clientaddr
