package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readStatus decodes a status while it arrives: of ten thousand accounts that takes as
// long as the keeper takes to write it.
func readStatus(ctx context.Context, body io.Reader) (Status, error) {
	s := Status{}
	in := json.NewDecoder(io.LimitReader(body, maxAnswer))
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
