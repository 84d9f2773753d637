package control

import (
	"context"
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

// Messages are what people are told, as the keeper words it.
type Messages interface {
	// Read returns up to limit messages after a position, and how far it
	// looked. What lets people log an account in (a code, the address of a login
	// page, in the text too) is there only where mayLogin says yes. A position
	// older than all that is kept is no error; for one that lies beyond the
	// newest entry the list is empty and its Upto before the position.
	Read(ctx context.Context, after uint64, limit int, mayLogin func(account string) bool) (client.MessageList, error)
}

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

// messages answers once there is something that the peer may see, or when the
// wait is over.
func (s *Server) messages(w http.ResponseWriter, r *http.Request) error {
	q, err := readMessageQuery(r)
	if err != nil {
		return err
	}
	over := time.NewTimer(q.wait)
	defer over.Stop()
	for last := q.wait == 0; ; {
		changed := s.parts.Journal.Changed()
		list, err := s.seen(r, q)
		if err != nil {
			return err
		}
		if len(list.Messages) > 0 || list.Upto < q.after || last && list.Upto == q.after {
			return writeJSON(w, list)
		}
		if list.Upto > q.after {
			q.after = list.Upto // all of it was for others; there may be more
			continue
		}
		select {
		case <-changed:
		case <-over.C:
			last = true
		case <-s.closing:
			last = true
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// seen returns the messages that the peer may see, by the policy as it is now.
func (s *Server) seen(r *http.Request, q messageQuery) (client.MessageList, error) {
	own := s.rights(socket.PeerOf(r.Context()))
	list, err := s.parts.Messages.Read(r.Context(), q.after, q.limit, func(account string) bool {
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
