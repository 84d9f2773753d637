package cluster

import (
	"crypto/sha256"
	"encoding/binary"
)

// Rendezvous hashing: each pair of a host and an account has a score, and the account
// belongs to the host with the highest. A host that comes wins its share from all
// others alike; one that goes leaves each of its accounts to the next in that account's
// own order. The scores never change: keepers of all versions agree on them.
func score(host, account string) uint64 {
	b := make([]byte, 0, 128)
	b = binary.BigEndian.AppendUint32(b, uint32(len(host)))
	b = append(b, host...)
	b = append(b, account...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// before reports whether host a is better placed for the account than b.
func before(a string, scoreA uint64, b string, scoreB uint64) bool {
	return scoreA > scoreB || scoreA == scoreB && a < b
}

// Best names the host that an account belongs to, "" where there is no host.
func Best(hosts []string, account string) string {
	best, most := "", uint64(0)
	for i, host := range hosts {
		if s := score(host, account); i == 0 || before(host, s, best, most) {
			best, most = host, s
		}
	}
	return best
}

// Rank is how many of the hosts are better placed for the account than me.
func Rank(hosts []string, account, me string) int {
	mine, rank := score(me, account), 0
	for _, host := range hosts {
		if host != me && before(host, score(host, account), me, mine) {
			rank++
		}
	}
	return rank
}
