package desktop

import (
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "desktop",
		New:  func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are none: the session of the keeper's user says all.
type Keys struct{}

// Check implements [setting.Keys].
func (*Keys) Check(*setting.Faults) {}

// Channel implements [notify.Keys].
func (*Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{AppName: "bilikeeper", OpenLabel: s.OpenLabel})
}

const example = `# The desktop session that the keeper runs in.
#[[notify]]
#name = "screen"
#type = "desktop"
`
