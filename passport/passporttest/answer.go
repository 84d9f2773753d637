package passporttest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ending is how a reply's delivery goes.
type ending string

const (
	whole   ending = ""        // as it should
	reset   ending = "reset"   // the connection breaks before a byte came
	cut     ending = "cut"     // headers and half of the body, then it breaks
	hang    ending = "hang"    // nothing ever comes
	endless ending = "endless" // the body never stops
)

// answer is a reply before it is delivered, over a connection or in memory.
type answer struct {
	status int
	header http.Header
	body   []byte
	ending ending
}

func newHeader(contentType string) http.Header {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return h
}

// envelope is the site's common form of a reply.
func envelope(code int, message string, data any) *answer {
	body, err := json.Marshal(map[string]any{"code": code, "message": message, "ttl": 1, "data": data})
	if err != nil {
		body = []byte(`{"code":-500,"message":"` + strconv.Quote(err.Error()) + `"}`)
	}
	return &answer{status: 200, header: newHeader("application/json; charset=utf-8"), body: body}
}

// refused is an envelope that says no more than its code.
func refused(code int) *answer { return envelope(code, codeMessage(code), nil) }

func page(status int, html string) *answer {
	return &answer{status: status, header: newHeader("text/html; charset=utf-8"), body: []byte(html)}
}

const notFoundPage = "<html><body>404 Not Found</body></html>"
