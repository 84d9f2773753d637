package alert

import (
	"context"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/notify"
)

// inbox is where one reader hears what is written in the chats of its channels.
type inbox struct {
	keeper *keeper.Keeper
	name   string
	listen func(context.Context, notify.Inbox) error
	chats  []chat
}

// run answers until ctx ends.
func (i inbox) run(ctx context.Context) {
	in := notify.Inbox{Position: i.position, Save: i.save, Trouble: i.trouble, Foreign: i.chats[0].words.Foreign()}
	for _, c := range i.chats {
		in.Chats = append(in.Chats, notify.Chat{Channel: c.to, Answer: c.answer})
	}
	_ = i.listen(ctx, in)
	i.trouble(nil)
}

// chatPosition is how far an inbox was read, in the words of its channel.
type chatPosition struct {
	Position string `json:"position"`
}

func (i inbox) position() (string, error) {
	var p chatPosition
	_, err := i.keeper.Store().Get(store.KindChat, i.name, &p)
	return p.Position, err
}

func (i inbox) save(position string) error {
	return i.keeper.Store().Put(store.KindChat, i.name, chatPosition{position}, nil)
}

func (i inbox) trouble(err error) {
	names := make([]string, len(i.chats))
	for n, c := range i.chats {
		names[n] = c.channel
	}
	what := "the chat of channel " + strings.Join(names, " and ")
	if err == nil {
		i.keeper.Problems().Clear(what)
		return
	}
	i.keeper.Problems().Set(what, err)
}
