// Package browser has what every answer to a browser has in common, whatever page
// it is of: the headers that keep it closed, whose request it is, its language. No
// account, login or session may come in.
//
// Guarantees: no answer may be stored, framed or load anything from elsewhere; a
// request counts as the page's own only where the browser says so.
package browser
