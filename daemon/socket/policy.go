package socket

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// The verbs of the policy. They are configuration and never change.
const (
	VerbStatus  = "status"
	VerbGet     = "get"
	VerbLogin   = "login"
	VerbCheck   = "check"
	VerbRefresh = "refresh"
	VerbManage  = "manage"
)

// Verbs lists what a rule may allow.
func Verbs() []string {
	return []string{VerbStatus, VerbGet, VerbLogin, VerbCheck, VerbRefresh, VerbManage}
}

// Every stands in a rule for all accounts, and in a question for the keeper as
// a whole, which only a rule for all accounts answers.
const Every = "*"

// Policy says who may do what. Root and Owner may everything; for everybody
// else the first rule that names both them and the account decides, and
// without one the answer is no.
type Policy struct {
	Owner uint32
	Rules []Rule
}

// Rule lets a user or the members of a group use accounts. Where both are set,
// both have to fit; where neither is, the rule fits nobody. A number that is
// no name counts as an id. Groups are those that the process had when it
// connected, where the kernel tells them; elsewhere those of the user database.
type Rule struct {
	User, Group string
	Accounts    []string // names, or "*"
	May         []string // verbs
}

// Validate reports the first fault of the rules.
func (p Policy) Validate() error {
	for i, r := range p.Rules {
		for _, verb := range r.May {
			if !slices.Contains(Verbs(), verb) {
				return fmt.Errorf("control.allow %d: unknown verb %q, known are %s",
					i+1, verb, strings.Join(Verbs(), ", "))
			}
		}
	}
	return nil
}

// Rights is the policy as one peer sees it.
type Rights struct {
	peer Peer
	all  bool
	// rules holds the peer's rules with their places in the configuration,
	// counted from 1.
	rules []positionedRule
}

type positionedRule struct {
	Rule
	place int
}

func (p Policy) Rights(peer Peer, d *Directory) Rights {
	if !peer.Known {
		return Rights{peer: peer, all: !KernelNamesPeers}
	}
	if peer.UID == 0 || peer.UID == p.Owner {
		return Rights{peer: peer, all: true}
	}
	own := Rights{peer: peer}
	for i, r := range p.Rules {
		if d.fits(r, peer) {
			own.rules = append(own.rules, positionedRule{r, i + 1})
		}
	}
	return own
}

// RightsFor are verbs of one account and nothing else: what another host says that its
// caller may do.
func RightsFor(account string, verbs []string) Rights {
	return Rights{peer: Peer{Known: true}, rules: []positionedRule{{Rule{Accounts: []string{account}, May: verbs}, 1}}}
}

// deciding returns the rule that decides about an account, if one does.
func (r Rights) deciding(account string) (positionedRule, bool) {
	i := slices.IndexFunc(r.rules, func(rule positionedRule) bool {
		return slices.Contains(rule.Accounts, account) || slices.Contains(rule.Accounts, Every)
	})
	if i < 0 {
		return positionedRule{}, false
	}
	return r.rules[i], true
}

func (r Rights) May(verb, account string) bool {
	if r.all {
		return true
	}
	rule, ok := r.deciding(account)
	return ok && slices.Contains(rule.May, verb)
}

// MayAny reports whether there is an account for which the verb is allowed.
// Accounts that no rule names are decided as "*" is, so the names in the rules
// are all that has to be tried.
func (r Rights) MayAny(verb string) bool {
	return r.all || slices.ContainsFunc(r.rules, func(rule positionedRule) bool {
		return slices.ContainsFunc(rule.Accounts, func(a string) bool { return r.May(verb, a) })
	})
}

// refusal is the problem for a peer that may not, with the line that would let
// it. account is "" where any account would do.
func (r Rights) Refusal(verb, account string, d *Directory) *client.Problem {
	subject := fmt.Sprintf("%q of account %q", verb, account)
	switch account {
	case Every:
		subject = fmt.Sprintf("%q of the whole keeper", verb)
	case "":
		subject, account = fmt.Sprintf("%q of any account", verb), Every
	}
	p := &client.Problem{Type: client.ProblemNotPermitted}
	if !r.peer.Known {
		p.Detail = "the kernel did not say who is asking for " + subject
		p.Hint = "connect to the keeper's socket directly; inside a user namespace the peer cannot be named"
		return p
	}
	who := d.UserName(r.peer.UID)
	p.Detail = fmt.Sprintf("%s (uid %d) is not permitted %s", who, r.peer.UID, subject)
	if rule, ok := r.deciding(account); ok {
		p.Hint = fmt.Sprintf("the first match decides: add %q to may of [[control.allow]] number %d (%s), or put a rule before it",
			verb, rule.place, rule.subject())
		return p
	}
	p.Hint = fmt.Sprintf("to allow it, add to the configuration: [[control.allow]] with user = %q, accounts = [%q], may = [%q]",
		who, account, verb)
	return p
}

func (r Rule) subject() string {
	var parts []string
	if r.User != "" {
		parts = append(parts, fmt.Sprintf("user = %q", r.User))
	}
	if r.Group != "" {
		parts = append(parts, fmt.Sprintf("group = %q", r.Group))
	}
	return strings.Join(parts, ", ")
}

// All reports whether the peer may everything: root and the keeper's owner.
func (r Rights) All() bool { return r.all }
