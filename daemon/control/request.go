package control

import (
	"bytes"
	"context"
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
	"sync/atomic"
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

// connection is what requests over one connection share.
type connection struct {
	// begun is what until is counted from: a step of the clock is no time that passed.
	begun time.Time
	// until is when a write over it that did not end is cut off.
	until atomic.Int64
	// last is for the request under way, of which there is one at a time.
	last repeat
}

type connectionKey struct{}

// ofConnection adds a connection to the context of its requests.
func ofConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{begun: time.Now()})
}

// mayWrite gives what is written next its time. A deadline costs more than many an
// answer, so one that is still far away is left as it is.
func mayWrite(w http.ResponseWriter) {
	if out, ok := w.(*reply); ok && out.conn != nil {
		now := time.Since(out.conn.begun)
		if time.Duration(out.conn.until.Load())-now > slow/2 {
			return
		}
		out.conn.until.Store(int64(now + slow))
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slow))
}

// repeat is what a connection asked for last, where that was an account's credential.
// Programs ask for the same again and again, so its address is read once. Who may have
// it, and what it is, is looked at each time.
type repeat struct {
	target, pattern, name string
	asked                 asked
}

// remember notes what a request asks for.
func remember(w http.ResponseWriter, r *http.Request, name string, a asked) {
	if out, ok := w.(*reply); ok && out.conn != nil && r.Method == http.MethodGet {
		out.conn.last = repeat{r.RequestURI, r.Pattern, name, a}
	}
}

// again answers a request for what its connection asked for last, and reports whether
// it was one.
func (s *Server) again(out *reply, r *http.Request) bool {
	if out.conn == nil || out.conn.last.target != r.RequestURI || r.Method != http.MethodGet {
		return false
	}
	last := &out.conn.last
	a := last.asked
	a.have, r.Pattern = r.Header["If-None-Match"], last.pattern
	if err := s.credentials.answer(out, r, last.name, a); err != nil {
		s.fail(out, r, err)
	}
	return true
}
