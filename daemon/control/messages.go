package control

import (
	"net/http"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

const (
	usualMessages = 64
	mostMessages  = 256
	// longestMessageWait is short: whoever waits asks again.
	longestMessageWait = time.Minute
)

// messageQuery is what was asked for.
type messageQuery struct {
	after uint64
	limit int
	wait  time.Duration
}

func readMessageQuery(r *http.Request) (messageQuery, error) {
	query := r.URL.Query()
	q := messageQuery{limit: usualMessages}
	limit, given, err := counter(query, "limit")
	if err != nil || given && (limit < 1 || limit > mostMessages) {
		return q, badRequest("the parameter \"limit\" is a number from 1 to %d", mostMessages)
	}
	if given {
		q.limit = int(limit)
	}
	if q.after, _, q.wait, err = waiting(query); err != nil {
		return q, err
	}
	if q.wait > longestMessageWait {
		return q, badRequest("the parameter \"wait\" is %s at most here", longestMessageWait)
	}
	return q, nil
}

// listMessages answers once there is something that the peer may see, or when the
// wait is over.
func (j *journal) listMessages(w http.ResponseWriter, r *http.Request) error {
	q, err := readMessageQuery(r)
	if err != nil {
		return err
	}
	var list client.MessageList
	err = j.ending.wait(r.Context(), q.wait, j.store.Changed, func(bool) (bool, error) {
		for {
			if list, err = j.seen(r, q); err != nil || len(list.Messages) > 0 || list.Upto <= q.after {
				return len(list.Messages) > 0 || list.Upto < q.after, err
			}
			q.after = list.Upto // all of it was for others; there may be more
		}
	})
	if err != nil {
		return err
	}
	return writeJSON(w, list)
}

// seen returns the messages that the peer may see, by the policy as it is now.
func (j *journal) seen(r *http.Request, q messageQuery) (client.MessageList, error) {
	own := j.of(r)
	list, err := j.messages.Read(r.Context(), q.after, q.limit, func(account string) bool {
		return own.May(socket.VerbLogin, account)
	})
	if err != nil {
		return list, err
	}
	hidden := func(account string) bool {
		if account == "" {
			account = socket.Every
		}
		return !own.May(socket.VerbStatus, account)
	}
	list.Messages = slices.DeleteFunc(list.Messages, func(m client.Message) bool {
		return hidden(m.Account) || slices.ContainsFunc(m.Members, func(member client.MessageMember) bool { return hidden(member.Account) })
	})
	if list.Messages == nil {
		list.Messages = []client.Message{}
	}
	return list, nil
}
