package post

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/bilikeeper/bilikeeper/notify"
)

// Codes are how a service says by a number in its answer, beside the status, what
// has become of a message.
type Codes struct {
	// Key is what the number stands under. Taken is the one that says that the
	// message has arrived.
	Key   string
	Taken int64
	// Meaning says what another one means; the number itself is added.
	Meaning func(code int64) Refusal
}

// Coded is Ask for such a service. The status decides before the number does. An
// answer without a number is not the service's; one that has it as a text counts.
func (c *Client) Coded(ctx context.Context, r Request, codes Codes) (notify.Receipt, error) {
	var said map[string]json.RawMessage
	reply, err := c.Ask(ctx, r, &said)
	if err != nil {
		return notify.Receipt{}, err
	}
	var number json.Number
	_ = json.Unmarshal(said[codes.Key], &number)
	switch code, err := number.Int64(); {
	case err != nil:
		return notify.Receipt{}, c.Nonsense(reply)
	case code != codes.Taken:
		refusal := codes.Meaning(code)
		refusal.Code = strconv.FormatInt(code, 10)
		return notify.Receipt{}, c.Refused(reply, refusal)
	}
	return notify.Receipt{Answer: codes.Key + " " + number.String()}, nil
}
