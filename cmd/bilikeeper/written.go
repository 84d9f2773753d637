package main

import (
	"errors"
	"io"
	"os"
)

// written passes on what is written and keeps the first failure, so that a command
// whose output went nowhere (a full disk, a closed pipe) does not end as if all
// were well: not every place that prints looks at the result.
type written struct {
	io.Writer
	err error
}

func (w *written) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// file is the file behind a writer, nil where there is none.
func file(w io.Writer) *os.File {
	if through, ok := w.(*written); ok {
		w = through.Writer
	}
	f, _ := w.(*os.File)
	return f
}

// unwritten is the error for output that could not be written.
func unwritten(err error) error {
	if inner, ok := errors.AsType[*os.PathError](err); ok {
		err = inner.Err // the rest names standard output as a file
	}
	return fail(exitFailed, "", "the output could not be written: %w", err)
}
