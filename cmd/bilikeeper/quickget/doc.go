// Package quickget answers the get that scripts run, bilikeeper get ACCOUNT or get
// --tag TAG, before the rest of the program is initialised. That rest, the libraries
// of channels and metrics above all, takes four fifths of the time of such a command,
// and get needs none of it. Go fixes the order: packages are initialised by their path
// as soon as those are that they import (the language's specification, "Program
// initialization"). So this package may import os and what os needs and nothing else,
// not even strings, which comes after half of the rest; a test looks at the order. It
// works on Linux, and is empty elsewhere.
//
// It decides nothing of its own. What is not the plain case (another flag, a
// terminal, a configuration with more than plain lines, a keeper that does not
// answer or refuses) is left to the command in package account, which then begins as
// if nothing had happened.
//
// What the package guarantees: either it has written the whole credential to stdout,
// from the socket that the command would have asked, and the program ends with 0; or
// nothing was written and the command runs. Where writing fails in the middle, the
// program says so and ends with 1.
package quickget
