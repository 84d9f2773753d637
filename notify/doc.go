// Package notify brings messages to people: it decides which channel a message
// is for, leaves out what is no longer true, and tries until it arrives.
//
// A [Pipeline] gives every [Channel] a worker of its own, which goes through one
// [Source] of messages. It plans what to do next by a function of what it has
// read, its progress and what holds at the channels, with no clock, ledger or
// goroutine in it; then it carries that out and records it. The text of a message is already written when it gets
// here. What an account is, what a session or a journal is, and how the site is
// asked, does not come in: the keeper shows its journal as a Source and its
// vault as a [Ledger]. Each service has a package of its own below this one,
// and all of them pass the conformance suite in notifytest.
//
// To add a channel:
//  1. make a folder here with a Channel and a New that checks what it is given
//     and connects to nothing. Over HTTP it sends by package post; it may have
//     Replace and Retract as well, and Rate where the service has a limit;
//  2. in its config.go declare Keys, a struct with toml tags that embeds [post.Keys]
//     where it uses post; Check tells what is wrong with their values, Channel makes
//     the channel of them. A key that ends in _file names a file with a secret, which
//     is read and handed over in [Setup]; a mask tag keeps a secret from being printed;
//  3. beside it declare Kind: the type's name, the keys that must be given, and the
//     entries of the example file that say what its keys mean;
//  4. add Kind to the list in notify/channels;
//  5. run the suite of notifytest in its test, as its neighbours do; a test of
//     notify/channels looks whether it is there;
//  6. put the example's comments into Chinese, in
//     cmd/bilikeeper/chinese/elsewhere/channelcomments.go, and make
//     docs/configuration.md anew by go generate ./packaging/manual. Keys that no
//     other channel has are named in docs/zh-CN/configuration.md, too. Describe the
//     channel in docs/notifiers.md and docs/zh-CN/notifiers.md: a row of the table
//     and an entry that shows it, which a test looks for.
//
// On each channel a message goes the same way: its route wants it, nobody has asked
// there to be left alone with it, later ones
// have not taken its place, its code is alive, others of its group have come or
// are not waited for, no quiet hours hold, the service is not left alone, the
// rate allows it. Then it is sent, by another channel where this one fails, and
// what became of it is recorded.
//
// Guarantees:
//   - a message that a channel wants reaches it, or the channel that takes over
//     for it, at least once, over restarts too, with the same id on every try, or
//     the ledger says why it did not. A crash repeats one message at the most;
//   - nothing arrives under two ids: what goes out as one message is settled in
//     the ledger before the first try, and each account in it has a result;
//   - no code is sent after it has expired, and none that a later message has
//     overtaken while it waited; no code waits behind a message that is gathered
//     for long enough to die there;
//   - a code that no longer works leaves people's screens where the service lets
//     a message be changed or taken back: the next code of the same incident
//     takes its place, the login's end removes it, through whichever channel it
//     went;
//   - what may overtake is little: a held message is overtaken by those of other
//     accounts, one that waits for a service that fails by its account's codes
//     too. The rest of an account's messages keep their order;
//   - nothing waits forever: for others of its group half a minute, or as long as
//     the channel gathers; for a service that fails a day;
//   - messages of one service are sent one at a time; no channel waits for
//     another, save for one that it takes over for or that takes over for it;
//   - no service is called more often than its rate allows, by all channels that
//     send through it together, restarts included; taking a message back is not
//     counted, nor is a sample;
//   - that a channel fails is told once each time: at the first message that is
//     given up, or when it has lasted ten minutes and a message is at hand;
//   - nothing runs after Run has returned, save a Send that ignores its context.
package notify
