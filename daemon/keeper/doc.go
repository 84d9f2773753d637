// Package keeper is the accounts together: which there are, what is asked of
// them, the settings, and the operations that the control API, the pages, the
// messages and the outputs use.
//
// What is done for one account is package account's; what a state means,
// lifecycle's. How an answer is worded in HTTP, on a page, in a message or in a
// file belongs to those above, and the keeper knows none of them: a page's address
// is handed in as a function.
//
// A start hands credentials out before all accounts are read; what changes one waits
// until the plans of all are up to the present.
//
// Where several hosts share the accounts, [Shared] is this one's part: it works on what
// it owns, and follows the rest.
//
// Guarantees: readers see committed states only; an operation's caller may go away
// without cutting what it began; a stop waits for the answer to a poll under way,
// since the site gives it once.
package keeper
