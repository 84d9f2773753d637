// Package notifytest holds what every notification channel has to pass, and a
// receiver of webhooks to test against.
//
// [Run] is the suite: a channel's own test gives it a [Harness] and adds what
// only its service does. [Wire] writes a channel's requests down beside its test.
// [Serve] runs a service's real server where it is installed. [Receiver] is an endpoint that checks what a webhook
// promises. The pipeline and its retries are tested beside their code; they do
// not come in.
//
// Guarantee: a channel that passes Run tells the pipeline truly whether another
// try makes sense, ends with its context, sends no dead code, and keeps every
// secret that the suite gave it out of its errors.
package notifytest
