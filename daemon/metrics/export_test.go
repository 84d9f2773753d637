package metrics

import (
	"maps"
	"regexp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// NamesElsewhere are the names of what is collected of a vault that lies elsewhere.
func NamesElsewhere() []string {
	ch, names := make(chan *prometheus.Desc), map[string]bool{}
	go func() {
		defer close(ch)
		elsewhere{}.Describe(ch)
	}()
	for desc := range ch {
		names[regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(desc.String())[1]] = true
	}
	return slices.Sorted(maps.Keys(names))
}
