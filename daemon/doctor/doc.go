// Package doctor looks for what is wrong with a keeper and its surroundings,
// and says how to mend it.
//
// It works in two steps. [Look] collects facts: what the keeper says on its
// socket, what the file system says of the files, what the service manager
// says of the service. [Facts.Judge] turns them into findings and touches
// nothing, so that every judgement can be tested with made-up facts. No rule
// of the keeper may come in here: whether a session lives, a file is valid or
// an output failed is the keeper's or the configuration's own answer, and the
// doctor only reads it. The site, the vault's content and the channels'
// services may not come in either; nothing is asked of them. Where the accounts are kept
// in etcd, doctor/etcd asks that how it is; what does not link etcd's client does without.
//
// Guarantees: looking changes nothing, needs no keeper, and ends within some
// seconds even where the keeper or the service manager hangs. What could not
// be looked at is a finding of the level [NotChecked] and never [OK]. No
// finding holds a secret: the facts have none, and texts of the keeper are
// those that it shows in its status.
package doctor
