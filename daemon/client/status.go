package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readStatus reads a status of any keeper.
func readStatus(ctx context.Context, body io.Reader) (Status, error) {
	var text strings.Builder
	_, err := io.Copy(&text, io.LimitReader(body, maxAnswer))
	if err == nil {
		if s, ok := plainStatus(text.String()); ok {
			return s, nil
		}
	}
	return decodeStatus(ctx, io.MultiReader(strings.NewReader(text.String()), broken{err}))
}

// broken is the end of a text that did not come whole, for a reason that is nil where
// it did.
type broken struct{ why error }

func (b broken) Read([]byte) (int, error) { return 0, cmp.Or(b.why, io.EOF) }

func decodeStatus(ctx context.Context, text io.Reader) (Status, error) {
	s := Status{}
	in := json.NewDecoder(text)
	err := eachKey(in, func(key any) error {
		switch key {
		case "accounts":
			return readList(in, &s.Accounts)
		case "daemon":
			return in.Decode(&s.Daemon)
		}
		return in.Decode(new(json.RawMessage)) // of a newer keeper
	})
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		return Status{}, ctx.Err()
	case errors.As(err, &syntax), errors.As(err, &wrong), errors.Is(err, errShape):
		return Status{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return Status{}, fmt.Errorf("%w: %w", ErrBroken, err)
}

var errShape = errors.New("it is no status")

// eachKey goes through the keys of an object. read reads the value of each.
func eachKey(in *json.Decoder, read func(key any) error) error {
	if t, err := in.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return errShape
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return err
		}
		if err := read(key); err != nil {
			return err
		}
	}
	_, err := in.Token()
	return err
}

// readList reads the accounts one by one; null is none, as everywhere in JSON.
func readList(in *json.Decoder, list *[]Account) error {
	switch t, err := in.Token(); {
	case err != nil || t == nil:
		return err
	case t != json.Delim('['):
		return errShape
	}
	*list = []Account{}
	for in.More() {
		*list = append(*list, Account{})
		if err := in.Decode(&(*list)[len(*list)-1]); err != nil {
			return err
		}
	}
	_, err := in.Token()
	return err
}
