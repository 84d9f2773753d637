// Package schedule says when an account is looked at next.
//
// robfig/cron parses a spec and computes the next time; this package keeps its
// traps away from the keeper. [Parse] refuses what the library would panic on,
// never fire, or silently round; [Offset] spreads the accounts that share a
// spec; [Queue] wakes the keeper for thousands of accounts by one timer. The
// library's own runner is not used: it sorts all of its entries at every
// firing, which is quadratic in the accounts, and its timers stand still while
// the machine sleeps.
//
// Nothing of the site, the vault or an account's state may come in: a key in
// the queue is a name, and what is due for it is the caller's business. The
// next times are kept by the caller too, so that a restart forgets none.
//
// Daylight saving: fields are read on the wall clock of their zone. A time
// that the spring gap leaves out is skipped until the next day, one that the
// autumn repeats comes twice, and two times around the change may lie an hour
// closer than they look. A session that is checked once more or once less does
// no harm, and the limits on requests hold regardless.
//
// Guarantees: Parse never panics, and a schedule that it returned always has a
// next time and none closer than the minimum; an account's offset is the same
// each time and on each machine; a key in the queue fires once, no earlier
// than the wall clock says and at most a minute late after a sleep or a jump.
package schedule
