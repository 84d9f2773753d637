// Package page serves the login page: a link that was pushed to a person opens
// it, it makes a code that is fresh at that moment, shows it, renews it a
// bounded number of times, follows the scan live, and ends in a success or a
// failure. A login by SMS with the captcha's widget is offered beside it. The
// account page, package accountpage, is served by the same listener.
//
// No rule of an account's life, no vault, no request to the site may come in:
// all that is the keeper's. The page is plain HTML, CSS and JavaScript without a
// build step.
//
// A link carries a token that is sealed and names nothing; what it stands for
// is inside. It works for one account and one occasion, until it expires or
// the occasion has passed.
//
// Guarantees:
//   - A link that is unknown, expired, foreign or used shows the same bare
//     page, whatever part of it is asked for.
//   - To GET a page starts nothing: programs that preview links open them too.
//   - No link causes more than a fixed number of codes, captchas and messages.
//   - The document with the code loads nothing from anywhere else. The captcha
//     lives in a document of its own, and its script is loaded only when the
//     person has asked for an SMS.
//   - No token, code, number or account's name is logged.
//   - A link that works is not held up by what others send, from wherever.
//   - Memory is bounded whatever strangers send; who stops reading is cut off.
//   - Shutdown ends every stream.
package page
