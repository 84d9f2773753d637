// Package health tells whether the keeper works, part by part and with the reason
// where one does not: for readyz, and for whoever tells others that the keeper
// lives.
//
// It looks at what the parts say of themselves and mends nothing. How an answer
// reaches anybody is the matter of the rooms above; nothing of the site is asked.
//
// Guarantees: the vault counts as working only where a write has really arrived on
// the disk a short while ago, the schedule only where it was really gone through;
// no question waits longer than a write may take, however many ask.
package health
