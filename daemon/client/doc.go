// Package client speaks the control API of a running keeper, over its Unix
// socket, and holds the types that travel there. Programs that need a
// credential import it and nothing else of the module, so only the standard
// library may come in: no keeper, no site, no configuration.
//
//	var c client.Client
//	got, err := c.Credential(ctx, "main", client.CredentialOptions{Format: "header"})
//	if errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) { … }
//
// A method's error is one of four kinds: the context's own; [ErrNoKeeper] or
// [ErrNoPermission], nothing was sent; a [*Problem], the keeper's refusal as it
// came; [ErrBroken], the keeper went away and may or may not have acted.
//
// Guarantees: a zero Client works and needs no closing; every method is safe
// for concurrent use, starts no goroutine that outlives it and stops when its
// context ends; no error text and no printed value shows a credential. The
// types and their JSON names only grow.
package client
