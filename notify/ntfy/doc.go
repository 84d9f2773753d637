// Package ntfy brings messages to an ntfy topic, with the code as an attachment.
//
// Subscribing, and running a server, do not come in.
//
// Facts that it was checked against (docs.ntfy.sh/publish, and the server's
// sources, github.com/binwiederhier/ntfy, for its codes and limits): a PUT to
// /topic has the message as its body, or a file with Filename beside it, and then
// the text in Message, where \n stands for a new line. Headers that are not ASCII
// are RFC 2047. Actions may be JSON. A message has 4096 bytes. An error is
// {"code","http","error"}; 40014 says that the server keeps no attachments, 41301
// and 42905 that it takes no more. By default an address gets 60 requests and
// another one every 5 seconds; the public server takes 250 messages a day, which
// begins at midnight UTC.
//
// Servers from 2.16 on put a message in the place of the one with the same
// X-Sequence-ID, of 1 to 64 letters, digits, - and _, name it sequence_id in their
// answer, and take it back on DELETE /topic/sequence: clients are told to remove
// it. On a public server a topic is as good as a password, and so it is held as
// one here.
//
// Guarantees: those of package post. Where the server takes no picture the
// message arrives without one. The same message has the same sequence on each
// try, so a server that knows sequences shows it once.
package ntfy
