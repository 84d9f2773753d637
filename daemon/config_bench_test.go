package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/floortest"
)

// BenchmarkManyAccounts reads a configuration of many accounts, beside what the
// library takes to decode it: both must grow as the file does.
func BenchmarkManyAccounts(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "[[account]]\nname = \"rec%05d\"\ntags = [\"t%d\"]\n", i, i%10)
		}
		data := []byte(text.String())
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			checks := Checks()
			floortest.Beside(b, 1, func() {
				if _, err := config.Parse(data, "f", checks); err != nil {
					b.Fatal(err)
				}
			}, func() {
				var c struct {
					Account []struct {
						Name string
						Tags []string
					}
				}
				if err := toml.Unmarshal(data, &c); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
