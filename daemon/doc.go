// Package daemon wires the rooms of the keeper into a process: it opens the vault,
// builds everything from the configuration, listens, reloads and stops. No rule
// about accounts, messages or outputs lives here.
//
// [Run] is the whole daemon. The rooms below it, from the top down; each imports
// only those below it:
//
//	control, page   what uses the keeper: the API on the socket, pages in a browser
//	parts           what a configuration lists, built one by one
//	metrics         what Prometheus asks
//	heartbeat       who hears that the keeper works
//	health          which part of the keeper works
//	listener        where programs ask over the network
//	alert, output   the journal made into messages; the credential made into files
//	upkeep          copies of the vault, and whether it is whole
//	handover        what only an account's owner may carry out, asked of any host
//	keeper          the accounts together, and the operations on them
//	account         one account's worker
//	loginqueue      who may have a code out next
//	audit           who read which credential
//	signin          the browsers that are signed in to the account page
//	cluster         which host looks after which account, where several share them
//	store           records and the journal, in the vault's terms
//	lifecycle       what an account's life asks for, as a pure function
//	schedule        when each account is due
//	socket          who is at the socket's other end, and who may
//	catalog         the wording of messages
//	input, config   what people paste; what they configure
//	client          the API's client and wire types
//
// doctor and agent work from outside, through client.
//
// # Words
//
//	account     a login at the site that the keeper looks after, by a name of its own
//	credential  the cookies and tokens of a session; its generation counts them
//	session     what the site knows a credential as
//	check       the question whether a session lives; a session is dead when the
//	            site denied it twice (checkSession, then identify)
//	refresh     the rotation of a credential: stage, prove, promote, confirm
//	login       one attempt to get a new credential, with its codes
//	code        a QR code that waits for a phone
//	profile     which of the site's own pages a code is asked for from
//	incident    a death, until the login that ends it
//	event       an entry of the journal, with its EventData
//	history     how an account did day by day; it goes back further than the journal
//	principal   a user or group that the ACL grants something
//	batch       messages that go out as one; their group says what may be one
//	attempt     one try of a delivery; its backoff says when the next one comes
//	limiter     what holds requests or messages to a rate
//	way         how requests get to the site: as the machine does, or by a proxy
//	position    how far a reader has come in the journal
//	host        one keeper of several that share the accounts; its lease is for how
//	            long it may act on those that it owns
//
// Guarantees: what the site gave is on disk before the next request; a wrong
// configuration is found before anything of it is in force, and a reload cannot end
// half way; a part that cannot be built is left out, told of and tried again, and
// keeps no other down; a stop waits for the answer to a poll under way. A socket, a vault or
// a disk that goes away under the keeper is noticed and told of.
package daemon
