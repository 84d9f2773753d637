// Package response notes what a handler has answered. What is made of that, and the
// answer to a handler that ended without one, belongs to the server around it.
package response

import "net/http"

// Recorder notes whether and how a request has been answered.
type Recorder struct {
	http.ResponseWriter
	// Status is 0 before there is an answer.
	Status int
}

// WriteHeader implements [http.ResponseWriter].
func (r *Recorder) WriteHeader(status int) {
	if r.Status == 0 {
		r.Status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *Recorder) Write(data []byte) (int, error) {
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
