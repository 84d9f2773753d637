// Package agent shows a keeper's messages in the desktop session that it runs
// in. It is for a keeper that cannot reach the session, above all a system
// service: the session's bus lets in its own user alone.
//
// It reads the messages over the control socket and gives them to a
// [notify.Pipeline] with one channel, the desktop's. What there is to tell, and
// in which words, is the keeper's business; no account's life, no vault and
// nothing of the site comes in here.
//
// Guarantees:
//   - a message is shown once, over restarts of the agent and of the keeper;
//     a crash of the agent at the wrong moment shows it a second time, in its
//     own place;
//   - an agent that is new to a keeper shows what is open now (an account that
//     needs a login, a code that can be scanned) and nothing of the past; the
//     same holds where the keeper's journal was replaced;
//   - a keeper that is not there is waited for, for ever, and that is said once;
//   - what is kept on disk is positions and names, no code and no address;
//   - one agent runs in a session at a time.
package agent
