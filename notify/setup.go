package notify

import "github.com/bilikeeper/bilikeeper/internal/setting"

// Setup is what a channel is made with beside its keys in the configuration.
type Setup struct {
	// Secrets are what the files hold that the keys name.
	Secrets setting.Secrets
	// Version is the program's.
	Version string
	// OpenLabel is the text of the link or the button that leads to a code.
	OpenLabel string
	// CodeLabel is the text of a button that asks for a fresh code, MorningLabel of
	// one that asks to be reminded in the morning.
	CodeLabel, MorningLabel string
}

// Keys are a channel's in the configuration, from which it can be made.
type Keys interface {
	setting.Keys
	// Channel makes the channel. It connects to nothing; its error holds no secret.
	Channel(s Setup) (Channel, error)
}
