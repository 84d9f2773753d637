package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadStatus(t *testing.T) {
	const whole = `{"later":{"a":[1]},"accounts":[{"name":"a","new":1},{"name":"b"}],"daemon":{"version":"1"}}`
	got, err := readStatus(t.Context(), iotest.OneByteReader(strings.NewReader(whole)))
	if err != nil || len(got.Accounts) != 2 || got.Accounts[1].Name != "b" || got.Daemon.Version != "1" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := readStatus(t.Context(), strings.NewReader(`{"accounts":[],"daemon":{}}`)); err != nil || got.Accounts == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := readStatus(t.Context(), strings.NewReader(`{"accounts":null,"daemon":{}}`)); err != nil || len(got.Accounts) > 0 {
		t.Errorf("no accounts are read as %+v, %v", got, err)
	}
	for _, foreign := range []string{`[]`, `{"accounts":{}}`, `{"accounts":[7]}`, `no`, `{"daemon":7}`, `{"accounts":[],}`} {
		if got, err := readStatus(t.Context(), strings.NewReader(foreign)); !errors.Is(err, ErrForeign) || got.Accounts != nil {
			t.Errorf("%s is read as %+v, %v", foreign, got, err)
		}
	}
	for cut := range whole {
		got, err := readStatus(t.Context(), io.MultiReader(strings.NewReader(whole[:cut]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		if !errors.Is(err, ErrBroken) || got.Accounts != nil {
			t.Errorf("what ends after %q is read as %+v, %v", whole[:cut], got, err)
		}
	}
}
