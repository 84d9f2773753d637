// Package email brings messages as mail over SMTP, with the code's picture in
// the text, as an attachment beside it, and as a link.
//
// Receiving mail, signing it and a mail server of one's own do not come in.
//
// A mail is seldom read within a code's life, so the link matters most where
// there is a login page. It is written as plain text and as HTML (RFC 2046,
// multipart/alternative), the picture is part of the HTML by its content id
// (RFC 2387 and 2392); mails of one incident refer to each other (RFC 5322), so
// that a reader shows them together. A mail cannot be changed or taken back. A
// reply of 4xx may be tried again, one of 5xx may not (RFC 5321); some providers
// say 535 also to a login that comes too often, and are not asked again for that
// message. Servers differ in their rates; none is assumed.
//
// Guarantees:
//   - nothing is sent without TLS except to loopback; STARTTLS is asked for and
//     insisted on, and certificates are verified;
//   - link-local and cloud metadata addresses are never connected to;
//   - the same message has the same Message-ID on each try, so a mailbox can
//     tell that it has it already;
//   - all recipients get the mail, or the try has failed;
//   - an error tells the server's name and its number at most, nothing that the
//     server wrote.
package email
