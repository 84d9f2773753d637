package keeper_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// pasted is a session of the simulator as a person copies it.
func pasted(h *keepertest.Fixture, account string, names ...string) string {
	c := h.Keeper.Credentials().Held(account)
	var pairs []string
	for _, name := range names {
		if name == "ac_time_value" {
			pairs = append(pairs, name+"="+c.RefreshToken.Reveal())
			continue
		}
		pairs = append(pairs, name+"="+c.Value(name))
	}
	return strings.Join(pairs, "; ")
}

func take(t *testing.T, h *keepertest.Fixture, req client.ImportRequest) client.ImportResult {
	t.Helper()
	r, err := h.Keeper.Accounts().Import(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestImportedMidIsTheProvenOne: DedeUserID is what the site says, in every
// export, also where what was pasted lacks it.
func TestImportedMidIsTheProvenOne(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		take(t, h, client.ImportRequest{Account: "copy", Data: pasted(h, "main", "SESSDATA", "bili_jct")})
		if got := h.Keeper.Credentials().Held("copy").Value("DedeUserID"); got != strconv.Itoa(mid) {
			t.Errorf("DedeUserID is %q", got)
		}
	})
}

// TestImportInAnotherEncoding: bytes reach the keeper as bytes.
func TestImportInAnotherEncoding(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		data := []byte{0xff, 0xfe}
		for _, unit := range utf16.Encode([]rune(pasted(h, "main", "SESSDATA", "bili_jct", "DedeUserID"))) {
			data = append(data, byte(unit), byte(unit>>8))
		}
		if r := take(t, h, client.ImportRequest{Account: "copy", Bytes: data}); *r.Account.Mid != mid {
			t.Errorf("%+v", r)
		}
	})
}

// TestImportReplacesNothingBetter: a login that is worse, or another user's, takes
// no place without a word.
func TestImportReplacesNothingBetter(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Login("other", stranger)
		before := h.Header()
		for name, data := range map[string]string{
			"that cannot be refreshed": pasted(h, "main", "SESSDATA", "bili_jct", "DedeUserID"),
			"of another user":          pasted(h, "other", "SESSDATA", "bili_jct", "DedeUserID", "ac_time_value"),
		} {
			_, err := h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "main", Data: data})
			if !errors.Is(err, &client.Problem{Type: client.ProblemBadRequest}) || !strings.Contains(err.Error(), "--replace") {
				t.Errorf("a login %s: %v", name, err)
			}
		}
		if h.Header() != before {
			t.Error("the credential changed")
		}
		r := take(t, h, client.ImportRequest{Account: "main", Data: pasted(h, "other", "SESSDATA", "bili_jct", "DedeUserID"), Replace: true})
		if *r.Account.Mid != stranger || r.Refreshable {
			t.Errorf("%+v", r)
		}
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "the same session is kept as account other too") }) {
			t.Errorf("notes: %q", r.Notes)
		}
	})
}
