package response

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRecorder(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   int
	}{
		"nothing":          {func(http.ResponseWriter) {}, 0},
		"a body alone":     {func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) }, 200},
		"a status":         {func(w http.ResponseWriter) { w.WriteHeader(404) }, 404},
		"the first counts": {func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(200); _, _ = w.Write([]byte("x")) }, 404},
	} {
		under := httptest.NewRecorder()
		r := &Recorder{ResponseWriter: under}
		tt.answer(r)
		if r.Status != tt.want || tt.want != 0 && under.Code != tt.want {
			t.Errorf("%s: noted %d, answered %d, want %d", name, r.Status, under.Code, tt.want)
		}
		if err := http.NewResponseController(r).Flush(); err != nil || !under.Flushed {
			t.Errorf("%s: it cannot be flushed: %v", name, err)
		}
	}
}
