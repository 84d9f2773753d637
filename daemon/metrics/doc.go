// Package metrics counts what the keeper does, in the form of Prometheus.
//
// What happened is read from the journal when somebody asks, and how the accounts
// stand from their records: nothing is counted while the keeper works, but for the
// time that requests to the site and commits take. The counters begin with the
// process. What an alert or a graph makes of them is the matter of packaging.
//
// Names are a promise. No cookie, token, code or address may become a label; an
// account is named as in the configuration.
//
// Guarantees: what fails here fails the question and never the keeper; two
// questions at a time count nothing twice; there are as many series as accounts,
// channels, outputs and hosts of the site, and no more.
package metrics
