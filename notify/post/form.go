package post

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
)

// Form is a multipart/form-data body. The zero value is an empty form.
type Form struct{ parts []part }

type part struct {
	header textproto.MIMEHeader
	data   []byte
}

// Field adds a text.
func (f *Form) Field(name, value string) {
	f.add(fmt.Sprintf(`form-data; name=%q`, name), "", []byte(value))
}

// JSON adds a text that is JSON.
func (f *Form) JSON(name string, v any) {
	f.add(fmt.Sprintf(`form-data; name=%q`, name), "application/json", JSON(v).Body)
}

// File adds a file. Names are the channel's own and need no escaping.
func (f *Form) File(name, filename, kind string, data []byte) {
	f.add(fmt.Sprintf(`form-data; name=%q; filename=%q`, name, filename), kind, data)
}

func (f *Form) add(disposition, kind string, data []byte) {
	header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	f.parts = append(f.parts, part{header, data})
}

// Request makes the request that has the form as its body.
func (f *Form) Request(path ...string) Request {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	// Writing to a buffer cannot fail.
	for _, p := range f.parts {
		if out, err := w.CreatePart(p.header); err == nil {
			_, _ = out.Write(p.data)
		}
	}
	_ = w.Close()
	return Request{Path: path, Type: w.FormDataContentType(), Body: buf.Bytes()}
}
