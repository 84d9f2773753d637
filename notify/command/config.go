package command

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "command", Also: []string{"exec", "script", "program"}, Needs: []string{"command"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// The time that a program may take: usually, and at the most. The pipeline gives a
// message no more.
const (
	usualTimeout = 10 * time.Second
	mostTimeout  = 30 * time.Second
)

// Keys are those of a program.
type Keys struct {
	Command []string `toml:"command"`
	Timeout string   `toml:"timeout"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	if len(k.Command) > 0 {
		program := k.Command[0]
		switch {
		case program == "":
			f.Add("command[0]", "is empty", `write ["/path/to/program", "argument"]`)
		case strings.ContainsRune(program, filepath.Separator) && !filepath.IsAbs(program):
			f.Add("command[0]", fmt.Sprintf("%q is no whole path", setting.Clip(program)), "write the path from the root on")
		}
	}
	for i, arg := range k.Command {
		if strings.ContainsRune(arg, 0) {
			f.Add(fmt.Sprintf("command[%d]", i), "holds a zero byte", "write a text")
		}
	}
	if _, err := k.timeout(); err != nil {
		f.Add("timeout", err.Error(), `write "10s"`)
	}
}

func (k *Keys) timeout() (time.Duration, error) {
	if k.Timeout == "" {
		return usualTimeout, nil
	}
	d, err := time.ParseDuration(k.Timeout)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no duration", setting.Clip(k.Timeout))
	case d <= 0 || d > mostTimeout:
		return 0, fmt.Errorf("%s is out of range: more than 0s, at most %s", d, mostTimeout)
	}
	return d, nil
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(notify.Setup) (notify.Channel, error) {
	timeout, err := k.timeout()
	if err != nil {
		return nil, fmt.Errorf("timeout: %w", err)
	}
	return New(Config{Command: k.Command, Timeout: timeout})
}

const example = `# A program of your own, started without a shell: the webhook's JSON on its
# standard input, and BILIKEEPER_TYPE, BILIKEEPER_ACCOUNT, BILIKEEPER_URL (what the
# code says), BILIKEEPER_PAGE_URL and BILIKEEPER_QR_PNG (a file with the code's
# picture, gone with the program) in its environment.
#[[notify]]
#name = "script"
#type = "command"
#command = ["/usr/local/bin/tell-me", "--loud"]
# When it is killed, with all that it started. At most 30s.
#timeout = "10s"
`
