package notify

import "context"

// Inbox is what a reader of people's messages needs. A channel that can be
// written to has a method Listen(ctx, Inbox) error, which receives until ctx ends,
// and a method Inbox() string: channels with the same one share what arrives
// there, and one of them reads for all, since no service shows a message twice.
type Inbox struct {
	// Position is what the reader gave to Save last, over restarts too, "" for
	// nothing. Save is called before a question is answered: one that was under
	// way when the program ended is not answered a second time.
	Position func() (string, error)
	Save     func(position string) error
	// Trouble is told why nothing can be received, and nil when it can again.
	Trouble func(err error)
	// Foreign is what somebody is told who writes from a chat that is none of Chats.
	Foreign string
	Chats   []Chat
}

// Chat is one of those that are answered.
type Chat struct {
	// Channel writes there.
	Channel Channel
	// Answer carries out what is asked. It may take minutes, and several may run
	// at the same time.
	Answer func(ctx context.Context, q Question) Answer
}

// Question is what a person asks in a chat.
type Question struct {
	// Verb is one of the Ask… words, or another that the person typed.
	Verb string
	// Account is the name that followed, "" for none.
	Account string
	// Pressed is true for a button under an earlier message, which may be old.
	Pressed bool
}

// What can be asked.
const (
	AskStatus = "status"
	AskLogin  = "login"
	AskCheck  = "check"
	AskRemind = "remind" // in the morning; of all that need a login where none is named
)

// Answer is what a person is told. With a Login the code's picture goes with it.
type Answer struct {
	Text  string
	Login *Login
	// Account is whose code it is.
	Account string
	// Over returns when the code is no longer worth showing, or with ctx; nil where
	// there is none.
	Over func(ctx context.Context)
}
