// Package attempt is what it takes to try something that may fail, hang or
// panic, and to try it again later: one try with a time limit and a grace
// period at the shutdown, the slot that keeps a second try out, the back-off
// between tries, and the loop that repeats an operation until it has worked.
//
// What is tried, whether another try makes sense and what is recorded of it is
// the caller's business; no message, output, account or ledger comes in here.
//
// Guarantees:
//   - a try returns to its caller within its limit and what it gets to settle,
//     even where it ignores its context;
//   - no second try begins in a slot while the one before it still runs;
//   - a panic is an error whose text holds nothing of the value that was thrown,
//     unless that is a runtime error;
//   - a wait never exceeds its cap, and ends with its context.
package attempt
