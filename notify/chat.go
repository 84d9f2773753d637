package notify

import "context"

// Chat is what a channel needs that people can write to. A channel that can be
// written to has a method Listen(ctx, Chat) error, which receives until ctx ends.
type Chat struct {
	// Position is what the channel gave to Save last, over restarts too, "" for
	// nothing. Save is called before a question is answered: one that was under
	// way when the program ended is not answered a second time.
	Position func() (string, error)
	Save     func(position string) error
	// Answer carries out what is asked. It may take minutes, and several may run
	// at the same time.
	Answer func(ctx context.Context, q Question) Answer
	// Trouble is told why nothing can be received, and nil when it can again.
	Trouble func(err error)
	// Foreign is what somebody is told who writes from another chat.
	Foreign string
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
)

// Answer is what a person is told. With a Login the code's picture goes with it.
type Answer struct {
	Text  string
	Login *Login
}
