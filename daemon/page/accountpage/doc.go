// Package accountpage serves the account page: what needs a person, how each
// account does and did, the login in place, the channels and outputs, how the keeper
// itself does, to a browser that is signed in. It shows and asks the keeper; no rule of an account's life may come
// in, and no credential is ever asked for here.
//
// The documents are made by the server alone and work without a script. The script
// fetches a document anew when something has changed.
//
// Guarantees:
//   - A link that signs in is spent by opening it, and not by looking ahead.
//   - Who is not signed in gets the form to sign in, and nothing else of any route.
//   - What changes something needs the session's proof and the page's own Origin,
//     and what page.may allows; what it does not allow is not shown.
//   - No credential or token is in a document; a code is there for who may log in,
//     and is replaced for nobody but who opened the account's own screen.
//   - What somebody else's script is let in for, the captcha, has a document of its
//     own.
//   - Names and texts of others are escaped. Nothing is loaded from elsewhere.
package accountpage
