// Package lazyregexp has regular expressions that are compiled when they are first
// used, as the Go project's own internal package of that name has them. A command
// that ends within milliseconds needs none of the many that its program has, and
// would wait for them all.
//
// Nothing that is not about the time of compiling may come in.
//
// What the package guarantees: an expression is compiled once, however many use it
// at once; one that is wrong panics when it is first used. So each is one that a
// test uses.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns an expression that the first call compiles, and that all calls
// return.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
