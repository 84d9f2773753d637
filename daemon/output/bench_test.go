package output_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/floortest"
)

// BenchmarkRender makes a credential into a header, beside the same pairs put together,
// and into the keeper's own document, beside the same document encoded.
func BenchmarkRender(b *testing.B) {
	c := sample()
	render := func(format string) func() {
		return func() {
			if _, err := output.Render(format, c, output.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("header", func(b *testing.B) {
		var out string
		floortest.Beside(b, 100, render("header"), func() {
			var text strings.Builder
			for _, k := range c.Cookies {
				text.WriteString(k.Name + "=" + k.Value.Reveal() + "; ")
			}
			out = text.String()
		})
		_ = out
	})
	b.Run("json", func(b *testing.B) {
		whole, err := output.Render("json", c, output.Options{})
		if err != nil {
			b.Fatal(err)
		}
		var document any
		if err := json.Unmarshal(whole.Body, &document); err != nil {
			b.Fatal(err)
		}
		floortest.Beside(b, 100, render("json"), func() {
			if _, err := json.Marshal(document); err != nil {
				b.Fatal(err)
			}
		})
	})
}
