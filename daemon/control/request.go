package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	maxBody = 1 << 20
	// slow bounds the reading of a body and every single write: who does not
	// send or take bytes for that long, or half of it, is cut off.
	slow = 30 * time.Second
)

// decode reads a JSON body strictly. An empty one leaves the zero value where
// optional is true.
func decode[T any](w http.ResponseWriter, r *http.Request, optional bool) (T, error) {
	var v T
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(slow))
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	// A deadline that stayed would end a wait later in the same request.
	_ = control.SetReadDeadline(time.Time{})
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return v, tooLarge()
	}
	if err != nil {
		return v, badRequest("the body could not be read")
	}
	if optional && len(data) == 0 {
		return v, nil
	}
	// A client that declares nothing means JSON; one that declares something
	// else does not mean this.
	if r.Header.Get("Content-Type") == "" {
		return parse[T](data)
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return v, &client.Problem{Type: client.ProblemMediaType, Detail: "the body is not declared as application/json",
			Hint: "send the header Content-Type: application/json"}
	}
	return parse[T](data)
}

func tooLarge() error {
	return &client.Problem{Type: client.ProblemTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
}

// parse decodes one JSON object and nothing else.
func parse[T any](data []byte) (T, error) {
	var v *T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err == nil && v == nil {
		err = errors.New("null")
	}
	if err != nil {
		return *new(T), badRequest("the body: %s", jsonFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return *new(T), badRequest("the body: something follows the JSON object")
	}
	return *v, nil
}

// jsonFault words a decoder's error without the names of Go types and without
// any value.
func jsonFault(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return "not a JSON object"
		}
		return "the field " + strconv.Quote(wrong.Field) + " cannot be a JSON " + strings.Fields(wrong.Value + " value")[0]
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "unknown field " + name
	}
	return "not a JSON object"
}

// knownParameters refuses queries with a parameter that the route does not
// know or that is given twice: a misspelt one would otherwise be passed over.
func knownParameters(r *http.Request, known []string) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("the query cannot be read")
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			p := badRequest("unknown parameter %q", name)
			if len(known) > 0 {
				p.Hint = "known here are " + strings.Join(known, ", ")
			}
			return p
		}
		if len(values) > 1 {
			return badRequest("the parameter %q is given twice", name)
		}
	}
	return nil
}

func boolean(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("the parameter %q is true or false", name)
	}
	return on, nil
}

// counter reads a number; ok is false where there is none.
func counter(query url.Values, name string) (n uint64, ok bool, err error) {
	if !query.Has(name) {
		return 0, false, nil
	}
	n, err = strconv.ParseUint(query.Get(name), 10, 64)
	if err != nil {
		return 0, false, badRequest("the parameter %q is a number from 0", name)
	}
	return n, true, nil
}

// writeJSON answers 200 with a document.
func writeJSON(w http.ResponseWriter, v any) error { return writeStatus(w, http.StatusOK, v) }

func writeStatus(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	writeBody(w, status, "application/json", body.Bytes())
	return nil
}

// writeBody answers; a peer that has gone is nobody's concern.
func writeBody(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	mayWrite(w)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
