package telegram

import "github.com/bilikeeper/bilikeeper/notify"

type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

const (
	// maxData is what the Bot API takes as a button's data, in bytes.
	maxData = 64
	// maxButtons is how many accounts of one message get a button.
	maxButtons = 8
)

// buttons are those under a message that asks for a login: a fresh code for each
// account, and a reminder in the morning. There are none where nobody would hear
// of them.
func (c *Channel) buttons(m notify.Message) *keyboard {
	if !c.commands || !m.NeedsLogin {
		return nil
	}
	names := []string{m.Account}
	if len(m.Members) > 0 {
		names = names[:0]
		for _, each := range m.Members[:min(len(m.Members), maxButtons)] {
			names = append(names, each.Account)
		}
	}
	var k keyboard
	for _, name := range names {
		label, data := c.codeLabel, notify.AskLogin+":"+name
		if len(names) > 1 {
			label += ": " + name
		}
		if len(data) <= maxData {
			k.Rows = append(k.Rows, []button{{label, data}})
		}
	}
	morning := notify.AskRemind + ":"
	if len(names) == 1 && len(morning+names[0]) <= maxData {
		morning += names[0]
	}
	k.Rows = append(k.Rows, []button{{c.morningLabel, morning}})
	return &k
}
