package store

import "strings"

// Others are what other hosts write into the same vault.
type Others struct{ *Store }

// Follow has fn told of each record of a kind that a commit changed, by whomever: its
// key and its revision, 0 where it was removed. What holds for fn stands at
// [vault.Vault].
func (s Others) Follow(kind string, fn func(key string, revision uint64)) (stop func()) {
	return s.vault.Follow(kind, fn)
}

// Wake wakes those who wait for a change or an event, of one that was not made here. The
// record that it is about is shown before.
func (s Others) Wake() {
	s.changed.Fire()
	s.told.Fire()
}

// Local reports whether records of a kind are each host's own: what was written to its
// files, who read from its socket, and how its address stands with the site.
func Local(kind string) bool {
	switch kind {
	case KindOutput, KindAudit, KindSite, KindRate:
		return true
	}
	return false
}

// Guarded says who alone writes a record, where several hosts share the vault: the owner
// of an account, or for "" the host that sends messages. It is false of a record that
// every host may write.
func Guarded(kind, key string) (account string, guarded bool) {
	switch kind {
	case KindAccount:
		return key, true
	case KindSpent:
		_, account, guarded = strings.Cut(key, " ")
		return account, guarded
	case KindChannel, KindChat, KindCodes, KindReminder:
		return "", true
	}
	return "", false
}
