package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const canary = "canary-5b1f"

// TestNothingPrintsASecret feeds a secret, bare and nested, to every printer
// that the program uses.
func TestNothingPrintsASecret(t *testing.T) {
	s := secret.New(canary)
	holder := struct {
		Cookie secret.String
		List   []secret.String
		Map    map[string]secret.String
	}{s, []secret.String{s}, map[string]secret.String{"k": s}}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", holder)
	}
	for _, v := range []any{s, &s, holder} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	log := zerolog.New(&out)
	log.Info().Interface("i", s).Any("a", holder).Stringer("s", s).Object("o", s).EmbedObject(s).Msg(s.String())
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %v", s))

	text := out.String()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(text, form) {
			t.Errorf("the secret came out as %q in:\n%s", form, text)
		}
	}
	if !strings.Contains(text, secret.Redacted) {
		t.Error("nothing marks the place of the secret")
	}
}

func TestEqualAndZero(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("b")) || secret.New("").Equal(secret.New("b")) {
		t.Error("Equal is wrong")
	}
	var zero secret.String
	if !zero.IsZero() || secret.New("a").IsZero() || zero.String() != "" {
		t.Error("the zero secret is not empty")
	}
	if secret.New(canary).Reveal() != canary {
		t.Error("Reveal changed the bytes")
	}
}
