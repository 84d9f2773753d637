package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// preset is how a program takes a credential.
type preset struct {
	// format is what is rendered for it.
	format string
	// prove puts the program's secret into the headers of a request.
	prove func(p *pusher, h http.Header, s secret.String) error
	// send makes the requests, and reports whether anything was changed.
	send func(ctx context.Context, p *pusher, r output.Rendered) (bool, error)
}

func presets() map[string]preset {
	return map[string]preset{
		// blrec connects to every room anew when it is given a cookie, so it gets
		// one only when there is another.
		output.PresetBlrec: {"header", proveByKey, sendJSON(http.MethodPatch, "api/v1/settings", func(line string) any {
			return map[string]any{"header": map[string]string{"cookie": line}}
		})},
		output.PresetBililiveRecorder: {"header", proveByPassword, sendJSON(http.MethodPost, "api/config/global", func(line string) any {
			return map[string]any{"optionalCookie": map[string]any{"hasValue": true, "value": line}}
		})},
		output.PresetBiliSync: {"bili-sync", proveByToken, syncConfig},
	}
}

// plainPreset sends the rendered bytes as they are.
func plainPreset(method, contentType string) preset {
	return preset{prove: proveByToken, send: func(ctx context.Context, p *pusher, r output.Rendered) (bool, error) {
		_, err := p.do(ctx, outbound.Request{Method: method, Type: cmp.Or(contentType, r.ContentType), Body: r.Body})
		return err == nil, err
	}}
}

func proveByKey(_ *pusher, h http.Header, s secret.String) error {
	h.Set("x-api-key", s.Reveal())
	return nil
}

func proveByToken(_ *pusher, h http.Header, s secret.String) error {
	h.Set("Authorization", s.Reveal())
	return nil
}

func proveByPassword(p *pusher, h http.Header, s secret.String) error {
	if !strings.Contains(s.Reveal(), ":") {
		return p.refused(`the secret is not "user:password"`)
	}
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.Reveal())))
	return nil
}

// sendJSON sends the Cookie header's line in a JSON body.
func sendJSON(method, path string, body func(line string) any) func(context.Context, *pusher, output.Rendered) (bool, error) {
	return func(ctx context.Context, p *pusher, r output.Rendered) (bool, error) {
		text, err := json.Marshal(body(strings.TrimSuffix(string(r.Body), "\n")))
		if err != nil {
			return false, p.refused("the request cannot be encoded")
		}
		_, err = p.do(ctx, outbound.Request{Method: method, Path: []string{path}, Type: "application/json", Body: text})
		return err == nil, err
	}
}

// syncConfig changes the credential in bili-sync's configuration, which can
// only be replaced as a whole. What the rest of it means is left to bili-sync:
// it goes back byte for byte. Somebody who changes a setting in its page
// between the two requests loses that change.
func syncConfig(ctx context.Context, p *pusher, r output.Rendered) (bool, error) {
	const path = "api/config"
	var ours struct {
		Credential map[string]json.RawMessage `json:"credential"`
	}
	if err := json.Unmarshal(r.Body, &ours); err != nil {
		return false, p.refused("the credential cannot be read")
	}
	answer, err := p.do(ctx, outbound.Request{Method: http.MethodGet, Path: []string{path}})
	if err != nil {
		return false, err
	}
	var envelope struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	// The decoder's errors may quote what it read.
	if json.Unmarshal(answer, &envelope) != nil || envelope.Data == nil {
		return false, p.refused("its configuration cannot be read")
	}
	theirs := map[string]json.RawMessage{}
	if raw, ok := envelope.Data["credential"]; ok && json.Unmarshal(raw, &theirs) != nil || theirs == nil {
		return false, p.refused("the credential in its configuration cannot be read")
	}
	same := true
	for name, value := range ours.Credential {
		same = same && sameJSON(theirs[name], value)
		theirs[name] = value
	}
	if same {
		return false, nil
	}
	credential, err := json.Marshal(theirs)
	if err != nil {
		return false, p.refused("the request cannot be encoded")
	}
	envelope.Data["credential"] = credential
	body, err := json.Marshal(envelope.Data)
	if err != nil {
		return false, p.refused("the request cannot be encoded")
	}
	_, err = p.do(ctx, outbound.Request{Method: http.MethodPut, Path: []string{path}, Type: "application/json", Body: body})
	return err == nil, err
}

// sameJSON compares two texts; other escapes make no other text.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y string
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x == y
}
